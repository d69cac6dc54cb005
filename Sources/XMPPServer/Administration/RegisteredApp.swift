/// A new app. Its secret is not stored.
public struct RegisteredApp: CommandRecord {
    /// nil: none.
    public let secret: String?
    public let info: AppInfo
}

extension RegisteredApp {
    public static let columns: [CommandColumn<RegisteredApp>] = [
        .text("secret", "secret") { $0.secret },
        .record("info") { $0.info },
    ]
}
