import Foundation
import Logging
import Synchronization
import XMPP
import XMPPServer

/// Writes each log entry as one line to standard error: for people, or as JSON.
struct LineLogHandler: LogHandler {
    enum Format: Sendable {
        case text
        case json
    }

    /// The level shared by all handlers of a log, which can change.
    final class Level: Sendable {
        private let index: Atomic<Int>

        init(_ level: Logger.Level) { index = Atomic(Self.index(level)) }

        var value: Logger.Level {
            get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
            set { index.store(Self.index(newValue), ordering: .relaxed) }
        }

        private static func index(_ level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
    }

    var logLevel: Logger.Level {
        get { own ?? level.value }
        set { own = newValue }
    }
    private let level: Level
    /// The level of this handler; nil: the shared one.
    private var own: Logger.Level?
    var metadata: Logger.Metadata = [:]
    private let format: Format

    init(_ configuration: LogConfiguration, _ level: Level) {
        self.level = level
        format =
            switch configuration.format {
            case .auto: isatty(STDERR_FILENO) == 1 ? .text : .json
            case .text: .text
            case .json: .json
            }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { all["error"] = "\(error)" }
        let line =
            switch format {
            case .text: Self.text(event, all)
            case .json: Self.json(event, all)
            }
        // One call per line, so that lines do not mix.
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    // MARK: For people

    private static func text(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
        var line = localTime() + " " + event.level.rawValue.uppercased()
        line += String(repeating: " ", count: max(1, 9 - event.level.rawValue.count)) + quotedIfNeeded(event.message)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let text = "\(value)"
            line += " \(key)=" + (text.contains(" ") || text.isEmpty ? "\"\(printable(text))\"" : printable(text))
        }
        return line
    }

    private static func quotedIfNeeded(_ message: Logger.Message) -> String { printable(message.description) }

    private static func localTime() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        localtime_r(&now.tv_sec, &parts)
        var text = [UInt8](repeating: 0, count: 32)
        let length = text.withUnsafeMutableBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress, $0.count, "%F %T", &parts) }
        }
        return String(decoding: text.prefix(length), as: UTF8.self)
    }

    // MARK: For programs

    private static func json(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
        var object = metadata.mapValues(JSONValue.init)
        object["time"] = .text(Timestamp.now().xep0082)
        object["level"] = .text(event.level.rawValue)
        object["message"] = .text(event.message.description)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private enum JSONValue: Encodable {
        case text(String)
        case list([JSONValue])
        case object([String: JSONValue])

        init(_ value: Logger.Metadata.Value) {
            switch value {
            case .array(let items): self = .list(items.map(JSONValue.init))
            case .dictionary(let entries): self = .object(entries.mapValues(JSONValue.init))
            default: self = .text("\(value)")
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .list(let items): try container.encode(items)
            case .object(let entries): try container.encode(entries)
            }
        }
    }
}
