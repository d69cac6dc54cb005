/// The commands of a module: a subcommand on the command line.
///
/// `CommandSet("upload", "Lists and deletes files.")` has the commands `upload-list` and `upload-delete`, which are told as
/// `swallowtail upload list` and `swallowtail upload delete`.
public struct CommandSet: Sendable, Equatable {
    /// The word with which the names of its commands begin.
    public let name: String
    /// One sentence that describes it.
    public let summary: String

    /// A group of that name.
    public init(_ name: String, _ summary: String) {
        self.name = name
        self.summary = summary
    }

    /// The full name of a command that is called so within the group.
    public func command(_ name: String) -> String { "\(self.name)-\(name)" }

    /// What a command is called within the group; nil: it is not one of it.
    public func name(of command: String) -> String? {
        command.hasPrefix("\(name)-") ? String(command.dropFirst(name.count + 1)) : nil
    }
}
