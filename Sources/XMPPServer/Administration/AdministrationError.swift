/// Why a command was not performed, in one sentence for the caller.
public struct AdministrationError: Error, Sendable, CustomStringConvertible, Equatable {
    /// The kinds of failures.
    public enum Kind: String, Sendable, Codable {
        /// What was said is wrong, or not enough.
        case invalid
        /// There is no such thing.
        case notFound = "not-found"
        /// There is something in the way, such as an account of that name.
        case conflict
        /// The caller may not.
        case forbidden
        /// Too much is asked for, or in too short a time.
        case busy
        /// The server failed.
        case failed
    }

    public let description: String
    public let kind: Kind
    /// The parameter that is at fault, if one is.
    public var parameter: String?

    /// An error with that sentence.
    public init(_ description: String, _ kind: Kind = .invalid) {
        self.description = description
        self.kind = kind
    }

    init(_ description: String, at parameter: String) {
        self.init(description)
        self.parameter = parameter
    }

    init(_ error: StorageError) {
        self.init("the store failed: \(error.diagnosis)", .failed)
    }
}
