import FoundationEssentials

/// What must not be exceeded, kept in a file beside the benchmarks.
struct Thresholds: Codable {
    struct Entry: Codable {
        /// More than these are too many; for what other threads take part in, a tenth more.
        var allocations: Double
        /// On the machine where they were measured; other machines are slower or faster. nil where the disk takes part.
        var nanoseconds: Double?
    }

    /// What `nanoseconds` may be multiplied with: the bound is for what got several times slower, not for noise.
    var factor = 4.0
    var benchmarks: [String: Entry] = [:]

    init(_ results: [Measurement]) {
        for result in results {
            benchmarks[result.name] = Entry(
                allocations: result.isConcurrent ? (result.allocations * 10).rounded(.up) / 10 : result.allocations,
                nanoseconds: result.isConcurrent ? nil : result.nanoseconds.rounded())
        }
    }

    init(file: String) throws {
        self = try JSONDecoder().decode(Thresholds.self, from: Data(contentsOf: URL(filePath: file)))
    }

    func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        var data = try encoder.encode(self)
        data.append(0x0A)
        try data.write(to: URL(filePath: file))
    }

    /// A sentence for each threshold that is crossed.
    func violations(_ results: [Measurement], isComplete: Bool) -> [String] {
        var sentences: [String] = []
        for result in results {
            guard let entry = benchmarks[result.name] else {
                sentences.append("\(result.name): there is no threshold for it")
                continue
            }
            let allowed = result.isConcurrent ? entry.allocations * 1.1 : entry.allocations
            if result.allocations > allowed {
                sentences.append(
                    "\(result.name): \(result.allocationText) allocations, the threshold is \(entry.allocations)")
            }
            if let allowed = entry.nanoseconds, result.nanoseconds > allowed * factor {
                sentences.append(
                    "\(result.name): \(Int(result.nanoseconds)) ns, more than \(factor) times \(Int(allowed)) ns")
            }
        }
        guard isComplete else { return sentences }
        let measured = Set(results.map(\.name))
        for name in benchmarks.keys.sorted() where !measured.contains(name) {
            sentences.append("\(name): has a threshold and was not measured")
        }
        return sentences
    }
}
