/// Our environment failed, or what we were told to serve cannot be served. For people who run the server; a peer learns
/// nothing of it.
public struct ServerError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
