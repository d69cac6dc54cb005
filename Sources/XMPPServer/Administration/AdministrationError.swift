/// Why a command was not performed, in one sentence for the caller.
public struct AdministrationError: Error, Sendable, CustomStringConvertible, Equatable {
    /// The kinds of failures.
    public enum Kind: String, Sendable, Codable {
        /// The request is wrong or incomplete.
        case invalid
        /// It does not exist.
        case notFound = "not-found"
        /// Something is in the way, such as an account with that name.
        case conflict
        /// The caller is not allowed to.
        case forbidden
        /// Too much at once, or too often.
        case busy
        /// The server failed.
        case failed
    }

    public let description: String
    public let kind: Kind
    /// The parameter at fault, if it is one.
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
