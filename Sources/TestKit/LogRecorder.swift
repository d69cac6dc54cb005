import Logging
import Synchronization

/// Keeps what is logged.
public final class LogRecorder: Sendable {
    private let state = Mutex<[String]>([])

    /// All lines so far, with their metadata.
    public var lines: [String] { state.withLock { $0 } }

    public init() {}

    /// Makes them.
    public var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(
            level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String, file: String,
            function: String, line: UInt
        ) {
            let all = self.metadata.merging(metadata ?? [:]) { $1 }
            recorder.state.withLock { $0.append("\(level) \(message) \(all)") }
        }
    }
}
