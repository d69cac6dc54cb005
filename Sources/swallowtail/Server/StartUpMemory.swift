import Foundation

/// Memory that was only needed to start the program.
///
/// A start touches most of the program once: the runtime goes through all types, the configuration is read, tables are
/// built. That code stays mapped: three quarters of an idle server's memory.
enum StartUpMemory {
    /// Releases it. The pages belong to the file, so what is needed again is mapped again.
    static func release() {
        #if os(Linux)
            for range in mappedRanges() {
                madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
            }
        #endif
    }

    /// Executable mappings of files, and those before them: read-only mappings contain none of our data. The read-only
    /// one behind them is left out, as the loader has written to it.
    private static func mappedRanges() -> [Range<UInt>] {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return [] }
        let mappings = maps.split(separator: "\n").compactMap(Mapping.init)
        return mappings.indices.filter { index in
            if mappings[index].access == "r-xp" { return true }
            guard mappings[index].access == "r--p", index + 1 < mappings.count else { return false }
            return mappings[index + 1].access == "r-xp" && mappings[index + 1].path == mappings[index].path
        }.map { mappings[$0].range }
    }

    /// A line of `/proc/self/maps` about a file.
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
