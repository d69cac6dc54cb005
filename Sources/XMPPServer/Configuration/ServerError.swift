/// The environment failed, or the configuration cannot be served. For operators; peers learn nothing of it.
public struct ServerError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
