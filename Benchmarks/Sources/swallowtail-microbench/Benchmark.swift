import CCounters
import FoundationEssentials
import NIOCore

/// Something that is done again and again.
struct Benchmark {
    let name: String
    /// Does it `count` times.
    typealias Body = (_ count: Int) async throws -> Void
    /// Makes ready what it needs.
    let prepare: () async throws -> Body
    /// Other threads and the disk take part, so that counts and times differ from run to run.
    var isConcurrent = false

    /// Batches of a size that takes some milliseconds; the fastest tells the time, as all that disturbs only adds to it.
    func measure(seconds: Double) async throws -> Measurement {
        let body = try await prepare()
        var count = 64
        var taken: UInt64 = 0
        repeat {
            count *= 2
            taken = try await time(body, count).nanoseconds
        } while taken < 4_000_000 && count < 1 << 22

        var best = Double.infinity
        var allocations: [Double] = []
        var bytes = Double.infinity
        let end = NIODeadline.now() + .nanoseconds(Int64(seconds * 1e9))
        repeat {
            let sample = try await time(body, count)
            best = min(best, Double(sample.nanoseconds) / Double(count))
            allocations.append(Double(sample.allocations) / Double(count))
            bytes = min(bytes, Double(sample.bytes) / Double(count))
        } while NIODeadline.now() < end
        // What happens once in a while, such as a table that grows, is not of the operation.
        let fewest = allocations.min() ?? 0
        return Measurement(
            name: name, nanoseconds: best, allocations: isConcurrent ? fewest : fewest.rounded(), bytes: bytes,
            isConcurrent: isConcurrent)
    }

    private func time(
        _ body: Body, _ count: Int
    ) async throws -> (nanoseconds: UInt64, allocations: UInt64, bytes: UInt64) {
        let (allocations, bytes) = (counters_allocations(), counters_allocated_bytes())
        let start = NIODeadline.now().uptimeNanoseconds
        try await body(count)
        let end = NIODeadline.now().uptimeNanoseconds
        return (end - start, counters_allocations() - allocations, counters_allocated_bytes() - bytes)
    }
}

/// What one operation costs.
struct Measurement {
    let name: String
    let nanoseconds: Double
    let allocations: Double
    let bytes: Double
    let isConcurrent: Bool

    var allocationText: String {
        isConcurrent ? "\((allocations * 10).rounded() / 10)" : "\(Int(allocations))"
    }

    var line: String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        return name + String(repeating: " ", count: max(1, 34 - name.count))
            + pad("\(Int(nanoseconds.rounded())) ns", 12)
            + pad("\(allocationText) allocations", 20) + pad("\(Int(bytes.rounded())) bytes", 16)
    }
}

/// Keeps the optimiser from leaving out what makes a value that nobody uses.
@inline(never)
@_optimize(none)
func consume<Value: ~Copyable>(_ value: consuming Value) {}
