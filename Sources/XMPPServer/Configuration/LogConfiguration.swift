public import Logging

/// What is logged, and how.
public struct LogConfiguration: Hashable, Sendable {
    /// The form of log lines.
    public enum Format: String, CaseIterable, Sendable {
        /// For people if standard error is a terminal, otherwise JSON.
        case auto
        /// For people.
        case text
        /// One JSON object for each line.
        case json
    }

    /// The least important level that is logged.
    public let level: Logger.Level
    /// The form of log lines.
    public internal(set) var format: Format

    init(_ section: ConfigSection) {
        level = section.choice("level", default: Logger.Level.info, "The least important level that is logged.")
        format = section.choice(
            "format", default: Format.auto, "`auto` is `text` on a terminal and `json` everywhere else."
        )
    }
}
