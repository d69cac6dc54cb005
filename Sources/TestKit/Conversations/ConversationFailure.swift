/// A conversation that differs from its script.
public struct ConversationFailure: Error, CustomStringConvertible {
    /// The script, the line, what was expected and what came.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
