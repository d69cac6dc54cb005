import Foundation

/// The memory that only the start of the program needed.
///
/// A start touches most of the program once: the runtime looks through all its types, the configuration is read, tables
/// are built. That code stays mapped, three quarters of what an idle server occupies.
enum StartUpMemory {
    /// Gives it back. Code is the file's own: what is needed again is mapped again, and nothing is lost.
    static func release() {
        #if os(Linux)
            for range in mappedRanges() {
                madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
            }
        #endif
    }

    /// Where files are mapped to be executed, and what they have in front of that: what cannot be written to holds nothing
    /// of our own. What is read-only behind it is not meant: the loader has written there before.
    private static func mappedRanges() -> [Range<UInt>] {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return [] }
        let mappings = maps.split(separator: "\n").compactMap(Mapping.init)
        return mappings.indices.filter { index in
            if mappings[index].access == "r-xp" { return true }
            guard mappings[index].access == "r--p", index + 1 < mappings.count else { return false }
            return mappings[index + 1].access == "r-xp" && mappings[index + 1].path == mappings[index].path
        }.map { mappings[$0].range }
    }

    /// A line of `/proc/self/maps` that is about a file.
    private struct Mapping {
        let range: Range<UInt>
        let access: Substring
        let path: Substring

        init?(_ line: Substring) {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[5].hasPrefix("/") else { return nil }
            let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
            range = bounds[0]..<bounds[1]
            access = fields[1]
            path = fields[5]
        }
    }
}
