import XMPP

/// The rosters of accounts.
public protocol RosterStorage: Sendable {
    /// The roster of an account, items in the order of their JIDs; empty for an account without one.
    func roster(of jid: JID) async throws(StorageError) -> StoredRoster
}
