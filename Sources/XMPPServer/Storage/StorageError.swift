/// Why the storage did not do what it was asked.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Kind: String, Sendable {
        /// What was to be added is there.
        case alreadyExists
        /// What was to be added has been removed, and something of it is still under way: it can be added in a moment.
        case notYet
        /// What was to be changed is not there.
        case notFound
        /// The storage takes nothing now: it is closed, or its queue is full.
        case unavailable
        /// Nobody waits for the read any more, or it took too long.
        case cancelled
        /// Another process has the store open for writing.
        case inUse
        /// The store itself failed: disk full, damaged file, a value that cannot be read.
        case failed
    }

    /// What a caller may want to tell apart.
    public let kind: Kind
    /// What happened, for the log and the administrator. Never sent to a peer; holds no stored value.
    public let diagnosis: String

    /// An error of that kind.
    public init(_ kind: Kind, _ diagnosis: String) {
        self.kind = kind
        self.diagnosis = diagnosis
    }

    public var description: String { "storage: \(kind.rawValue): \(diagnosis)" }
}
