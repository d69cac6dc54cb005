/// One error in the configuration, with its place and a suggested fix.
public struct ConfigError: Error, Hashable, Sendable {
    /// The file as the user named it.
    public var file: String
    /// The line, counted from 1; nil if the whole file is meant.
    public var line: Int?
    /// The column, counted from 1 in characters; nil if the whole line is meant.
    public var column: Int?
    /// The key's path, such as `hosts.localhost.modules.ping`; empty if no key is meant.
    public var path: String
    /// What is wrong.
    public var problem: String
    /// What the user can do about it.
    public var fix: String

    /// Describes one problem.
    public init(
        file: String, line: Int? = nil, column: Int? = nil, path: String = "", problem: String, fix: String
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.problem = problem
        self.fix = fix
    }
}

extension ConfigError: CustomStringConvertible {
    /// `swallowtail.yaml:12: hosts.localhost.profil: unknown key — did you mean "profile"?`
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        text += ": "
        if !path.isEmpty { text += "\(path): " }
        text += problem
        if !fix.isEmpty { text += " — \(fix)" }
        return text
    }
}

/// Everything that is wrong with a configuration, in the order of its lines.
public struct ConfigErrors: Error, Equatable, Sendable, CustomStringConvertible {
    /// The single problems.
    public let errors: [ConfigError]

    /// Collects errors.
    public init(_ errors: [ConfigError]) {
        self.errors = errors
    }

    /// One line for each problem.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
