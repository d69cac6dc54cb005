import XMPP

/// A contact in a roster.
public struct ContactInfo: CommandRecord, Equatable {
    public let jid: String
    public let name: String?
    /// `none`, `to`, `from` or `both`.
    public let subscription: String
    /// Whether the account's subscription request waits for the contact's answer.
    public let asks: Bool
    /// Whether the contact's subscription request waits for the account's answer.
    public let invites: Bool

    init(_ item: RosterItem) {
        jid = item.jid.string
        name = item.name
        subscription = "\(item.state.subscription)"
        asks = item.state.asks
        invites = item.state.hasPendingIn
    }
}

extension ContactInfo {
    public static let columns: [CommandColumn<ContactInfo>] = [
        .text("jid", "address", shape: .address) { $0.jid },
        .text("name", "name") { $0.name },
        .text("subscription", "subscription") { $0.subscription },
        .boolean("asks", .hidden) { $0.asks },
        .boolean("invites", .hidden) { $0.invites },
        .display(.init(table: "waits for")) { $0.asks ? "the contact" : $0.invites ? "the account" : "" },
    ]
    public static let none = "There are no contacts."
}
