import XMPP

/// The accounts of all hosts, and what is in memory of those that are in use.
public protocol AccountStorage: Sendable {
    /// The account with the bare JID, or nil.
    func account(_ jid: JID) async throws(StorageError) -> Account?
    /// The account of the host that has the account id, whatever the id's case, or nil.
    func account(host: String, accountID: String) async throws(StorageError) -> Account?
    /// All that is in memory of an account in use, or nil if there is no such account.
    ///
    /// - Parameter stores: those whose values belong to it.
    func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount?
    /// All accounts of a host, or of all hosts, in the order of their JIDs.
    func accounts(host: String?) async throws(StorageError) -> [Account]
}
