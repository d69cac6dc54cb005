import XMPP

/// An app, without its secret.
public struct AppInfo: CommandRecord, Equatable {
    public let id: String
    public let host: String
    public let name: String
    public let redirects: [String]
    public let scopes: [String]
    public let hasSecret: Bool
    /// Whether it has registered itself.
    public let isSelfRegistered: Bool
    public let createdAt: String

    init(_ app: App, host: String) {
        id = app.id
        self.host = host
        name = app.name
        redirects = app.redirects
        scopes = app.scopes.sorted()
        hasSecret = app.secret != nil
        isSelfRegistered = app.isSelfRegistered
        createdAt = app.createdAt.xep0082
    }
}

extension AppInfo {
    public static let columns: [CommandColumn<AppInfo>] = [
        .text("id", "id") { $0.id },
        .text("host", "host") { $0.host },
        .text("name", "name") { $0.name },
        .texts("redirects", "sends people back to") { $0.redirects },
        .texts("scopes", "scopes") { $0.scopes },
        .boolean("hasSecret", .hidden) { $0.hasSecret },
        .boolean("isSelfRegistered", .hidden) { $0.isSelfRegistered },
        .text("createdAt", .hidden, shape: .moment) { $0.createdAt },
        .display(.init(table: "registered")) { $0.createdAt + ($0.isSelfRegistered ? ", by itself" : "") },
    ]
    public static let none = "There are no apps."
}
