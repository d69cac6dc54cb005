import XMPP

/// An account as administrators see it.
public struct AccountInfo: CommandRecord, Equatable {
    public let jid: String
    public let accountID: String?
    public let displayName: String
    public let keepsHistory: Bool
    public let isAdministrator: Bool
    public let isEnabled: Bool
    public let createdAt: String

    init(_ account: Account) {
        jid = account.jid.string
        accountID = account.accountID
        displayName = account.displayName
        keepsHistory = account.keepsHistory
        isAdministrator = account.isAdministrator
        isEnabled = account.isEnabled
        createdAt = account.createdAt.xep0082
    }
}

extension AccountInfo {
    public static let columns: [CommandColumn<AccountInfo>] = [
        .text("jid", "address", field: "accountjid", shape: .address) { $0.jid },
        .text("accountID", "account id", field: "email", none: "none") { $0.accountID },
        .text("displayName", "name", none: "none") { $0.displayName },
        .onOff("keepsHistory", "history") { $0.keepsHistory },
        .boolean("isAdministrator", .init(list: "administrator", table: "admin")) { $0.isAdministrator },
        .boolean("isEnabled", .hidden) { $0.isEnabled },
        .text("createdAt", "added", shape: .moment) { $0.createdAt },
        .display(.init(list: "disabled")) { $0.isEnabled ? "" : "yes" },
    ]
    public static let none = "There are no accounts."
}
