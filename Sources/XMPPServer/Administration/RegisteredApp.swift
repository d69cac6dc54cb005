/// An app that was just registered. Its secret is not known to anybody afterwards.
public struct RegisteredApp: CommandRecord {
    /// nil: it has none.
    public let secret: String?
    public let info: AppInfo
}

extension RegisteredApp {
    public static let columns: [CommandColumn<RegisteredApp>] = [
        .text("secret", "secret") { $0.secret },
        .record("info") { $0.info },
    ]
}
