import Foundation

/// What follows a command's name on a command line: the values of its parameters in their order, each with its name before it
/// where it is out of order (`--name value`, `--name=value`, `--name` for what is true or false).
struct CommandWords {
    private let command: Command
    private var arguments: [String: CommandValue] = [:]

    /// Assigns words to parameters.
    ///
    /// - Throws: `AdministrationError` for a word without a parameter.
    static func arguments(_ words: [String], of command: Command) throws -> [String: CommandValue] {
        var reading = CommandWords(command: command)
        var rest = words[...]
        while let word = rest.popFirst() {
            if word.hasPrefix("--"), word.count > 2 {
                try reading.named(word.dropFirst(2), &rest)
            } else {
                try reading.next(word)
            }
        }
        return reading.arguments
    }

    private init(command: Command) { self.command = command }

    private mutating func named(_ word: Substring, _ rest: inout ArraySlice<String>) throws {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let parameter = command.parameters.first { $0.name == name }
        if parts.count == 2 {
            set(name, String(parts[1]), parameter)
        } else if case .boolean? = parameter?.kind {
            arguments[name] = true
        } else if let value = rest.popFirst() {
            set(name, value, parameter)
        } else {
            throw AdministrationError("say what \(name) is", at: name)
        }
    }

    private mutating func next(_ word: String) throws {
        let next = command.parameters.first { parameter in
            if case .boolean = parameter.kind { return false }
            return arguments[parameter.name] == nil || parameter.hasSeveral
        }
        guard let next else { throw AdministrationError("\(command.name) takes no \"\(word)\"") }
        set(next.name, word, next)
    }

    /// A name that is no parameter's is refused when the command is performed.
    private mutating func set(_ name: String, _ value: String, _ parameter: CommandParameter?) {
        if parameter?.hasSeveral == true, case .list(let former)? = arguments[name] {
            arguments[name] = .list(former + [.text(value)])
        } else {
            arguments[name] = parameter?.hasSeveral == true ? [.text(value)] : .text(value)
        }
    }
}

extension CommandParameter {
    /// Whether it takes any number of values.
    fileprivate var hasSeveral: Bool {
        switch kind {
        case .texts, .accounts: true
        case .text, .secret, .integer, .boolean, .choice, .duration, .account, .host, .file: false
        }
    }
}
