/// The result or failure of a command, the same for all ways to call it.
public struct CommandReply: Sendable, Codable, Equatable {
    /// The result for programs; nil: it failed.
    public var result: CommandValue?
    /// The result for people, or why it failed.
    public var text: String
    /// Why it failed; nil: it did not.
    public var failure: AdministrationError.Kind?
    /// The parameter at fault, if it is one.
    public var parameter: String?
}

/// A request for a command on the administration socket. Request and reply are one line of JSON each.
public struct CommandRequest: Sendable, Codable, Equatable {
    /// The command's name.
    public let command: String
    /// The arguments, by parameter name.
    public let arguments: [String: CommandValue]
    /// The arguments as the words of a command line, from a program that does not know the command's parameters; nil: they
    /// are given by name.
    public let words: [String]?

    /// A request for that command.
    public init(_ command: String, _ arguments: [String: CommandValue] = [:]) {
        self.command = command
        self.arguments = arguments
        words = nil
    }

    /// A request for that command with the words that follow it on a command line.
    public init(_ command: String, words: [String]) {
        self.command = command
        arguments = [:]
        self.words = words
    }
}
