import FoundationEssentials
import Glibc

/// The server's process with its descendants, as `/proc` shows them.
struct ServerProcess {
    struct Memory: Codable {
        /// KiB, all pages that the processes have.
        var rss = 0
        /// KiB, shared pages by the share.
        var pss = 0
    }

    let identifiers: [Int]

    private var tree: [Int] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return identifiers }
        let parents = names.compactMap(Int.init).compactMap { process in
            Self.stat(process).flatMap { $0.count > 1 ? Int($0[1]) : nil }.map { (process: process, parent: $0) }
        }
        var tree = identifiers
        var index = 0
        while index < tree.count {
            tree += parents.filter { $0.parent == tree[index] && !tree.contains($0.process) }.map(\.process)
            index += 1
        }
        return tree
    }

    /// The fields of `/proc/PID/stat` behind the name, which may have blanks and parentheses in it.
    private static func stat(_ process: Int) -> [Substring]? {
        guard let text = read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }

    private static func read(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }

    /// User and system time in seconds, that of children that have ended included.
    var cpu: Double {
        let ticks = tree.compactMap(Self.stat).map { $0.dropFirst(11).prefix(4).compactMap { Int($0) }.reduce(0, +) }
        return Double(ticks.reduce(0, +)) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }

    var memory: Memory {
        var memory = Memory()
        for process in tree {
            for line in (Self.read("/proc/\(process)/smaps_rollup") ?? "").split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count > 1, let size = Int(words[1]) else { continue }
                if words[0] == "Rss:" { memory.rss += size }
                if words[0] == "Pss:" { memory.pss += size }
            }
        }
        return memory
    }

    /// Seconds that all processors of the machine were busy.
    static var machine: Double {
        guard let line = read("/proc/stat")?.split(separator: "\n").first else { return 0 }
        let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count > 6 else { return 0 }
        return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }

    /// This process's own user and system time.
    static var own: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let (user, system) = (usage.ru_utime, usage.ru_stime)
        return Double(user.tv_sec + system.tv_sec) + Double(user.tv_usec + system.tv_usec) / 1e6
    }
}
