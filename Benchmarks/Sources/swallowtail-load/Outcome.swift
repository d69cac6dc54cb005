import FoundationEssentials
import Glibc

/// What one measured phase came to. Written as a table, or as a line of JSON with these names.
struct Outcome: Codable {
    struct Latency: Codable {
        var mean = 0.0
        var p50 = 0.0
        var p90 = 0.0
        var p99 = 0.0
        var p999 = 0.0
        var max = 0.0
    }

    struct Memory: Codable {
        /// KiB before the first connection, and at the end.
        var rssBefore = 0
        var rssAfter = 0
        var pssBefore = 0
        var pssAfter = 0
        /// KiB of growth for each connection.
        var rssPerConnection = 0.0
        var pssPerConnection = 0.0
    }

    var work: String
    var label: String?
    var transport: String
    var mechanism: String
    var connections: Int
    var window: Int?
    /// Sends a second that were asked for.
    var offered: Double?
    /// What was finished in the measured phase, in how many seconds.
    var operations: Int
    var seconds: Double
    var perSecond: Double
    var sent: Int
    var lost: Int
    var duplicated: Int
    var reordered: Int
    var errors: Int
    var stale: Int
    /// Connections that ended unasked.
    var dropped: Int
    /// Microseconds.
    var latency: Latency
    /// Seconds of user and system time, microseconds for each operation.
    var serverCPU: Double?
    var serverCPUPerOperation: Double?
    var memory: Memory?
    var clientCPU: Double
    /// Processors that other processes took meanwhile.
    var otherCores: Double
    /// Figures that only some works have.
    var more: [String: Double] = [:]

    /// Whether everything came, once, and in order.
    var isSound: Bool { lost == 0 && duplicated == 0 && reordered == 0 && errors == 0 && dropped == 0 }

    func printed(asJSON: Bool) {
        if asJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            guard let data = try? encoder.encode(self) else { return }
            print(String(decoding: data, as: UTF8.self))
        } else {
            print(table)
        }
        fflush(nil)
    }

    private var table: String {
        var rows: [(String, String)] = []
        rows.append((work, "\(operations) in \(seconds.text(2)) s, \(perSecond.text(0)) a second"))
        rows.append(
            (
                "",
                "sent \(sent), lost \(lost), duplicated \(duplicated), reordered \(reordered), errors \(errors), dropped \(dropped)"
            )
        )
        if latency.max > 0 {
            rows.append(
                (
                    "latency, ms",
                    "p50 \((latency.p50 / 1e3).text(3))  p90 \((latency.p90 / 1e3).text(3))  "
                        + "p99 \((latency.p99 / 1e3).text(3))  p99.9 \((latency.p999 / 1e3).text(3))  "
                        + "max \((latency.max / 1e3).text(3))"
                ))
        }
        if let serverCPU, let serverCPUPerOperation {
            rows.append(
                ("server's CPU", "\(serverCPUPerOperation.text(2)) µs each, \((serverCPU / seconds).text(2)) cores"))
        }
        if let memory {
            rows.append(
                (
                    "server's memory",
                    "RSS \((Double(memory.rssBefore) / 1024).text(1)) → \((Double(memory.rssAfter) / 1024).text(1)) MiB, "
                        + "\(memory.rssPerConnection.text(1)) KiB a connection"
                ))
        }
        rows.append(("client's CPU", "\((clientCPU / seconds).text(2)) cores; others took \(otherCores.text(2))"))
        for (name, value) in more.sorted(by: { $0.key < $1.key }) { rows.append((name, value.text(2))) }
        return rows.map { name, text in
            name + String(repeating: " ", count: Swift.max(1, 18 - name.count)) + text
        }.joined(separator: "\n")
    }
}

extension Double {
    /// With that many digits behind the point.
    func text(_ digits: Int) -> String {
        guard isFinite else { return "–" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(self) * scale).rounded()
        guard scaled < 9e15 else { return "\(self)" }
        let whole = Int(scaled)
        let sign = self < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % Int(scale))
        return "\(sign)\(whole / Int(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}
