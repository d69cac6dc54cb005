/// A command in a list for people.
struct CommandInfo: CommandRecord {
    let name: String
    let summary: String
    let parameters: [String]

    init(_ command: Command) {
        name = command.name
        summary = command.summary
        parameters = command.parameters.map { $0.isRequired ? $0.name : "[\($0.name)]" }
    }

    static let columns: [CommandColumn<CommandInfo>] = [
        .text("name", "name") { $0.name },
        .texts("parameters", "parameters") { $0.parameters },
        .text("summary", "summary") { $0.summary },
    ]
}
