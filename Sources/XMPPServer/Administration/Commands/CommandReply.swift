/// What a command has led to, as every face tells it.
public struct CommandReply: Sendable, Codable, Equatable {
    /// The result for programs; nil: it failed.
    public var result: CommandValue?
    /// The result for people, or why it failed.
    public var text: String
    /// Why it failed; nil: it did not.
    public var failure: AdministrationError.Kind?
    /// The parameter that is at fault, if one is.
    public var parameter: String?
}

/// A command as it is asked for on the administration socket: one line of JSON, its reply another.
public struct CommandRequest: Sendable, Codable, Equatable {
    /// The command's name.
    public let command: String
    /// The values of its parameters, by their names.
    public let arguments: [String: CommandValue]

    /// A request for that command.
    public init(_ command: String, _ arguments: [String: CommandValue] = [:]) {
        self.command = command
        self.arguments = arguments
    }
}
