/// A failure of the storage.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// Kinds that a caller may treat differently.
    public enum Kind: String, Sendable {
        /// It exists already.
        case alreadyExists
        /// The former account of that name is not completely gone; try again in a moment.
        case notYet
        /// It does not exist.
        case notFound
        /// The storage accepts nothing now: it is closed, or its queue is full.
        case unavailable
        /// The read was cancelled, or took too long.
        case cancelled
        /// Another process has the store open for writing.
        case inUse
        /// The store itself failed: disk full, damaged file, a value that cannot be read.
        case failed
    }

    /// The kind of failure.
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
