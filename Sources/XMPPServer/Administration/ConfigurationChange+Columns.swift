extension ConfigurationChange: CommandRecord {
    public static let columns: [CommandColumn<ConfigurationChange>] = [
        .text("place", "place") { $0.place },
        .text("change", "change") { $0.change },
        .text("effect", .hidden) { $0.effect.rawValue },
        .display("from") { change in
            switch change.effect {
            case .now: "now on"
            case .connections: "the next connection on"
            case .restart: "the next start on"
            }
        },
    ]
    public static let none = "Nothing is different."
}
