import XMPP

/// An address of an account that is in memory.
public struct CachedRecipient: Sendable {
    public let address: JID
    public let account: AccountRecord
    /// The account's host.
    public let host: Host

    public init(_ address: JID, _ account: AccountRecord, at host: Host) {
        self.address = address
        self.account = account
        self.host = host
    }

    public init(_ session: ClientSession) { self.init(session.jid, session.record, at: session.host) }
}
