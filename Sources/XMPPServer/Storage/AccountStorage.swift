import XMPP

/// The accounts of all hosts, and the data that an account in use needs in memory.
public protocol AccountStorage: Sendable {
    /// The account with the bare JID, or nil.
    func account(_ jid: JID) async throws(StorageError) -> Account?
    /// The account of the host that has the account id, whatever the id's case, or nil.
    func account(host: String, accountID: String) async throws(StorageError) -> Account?
    /// Everything that is loaded for an account in use; nil: there is no such account.
    ///
    /// - Parameter stores: the stores whose values are loaded with it.
    func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount?
    /// All accounts of a host, or of all hosts, in the order of their JIDs.
    func accounts(host: String?) async throws(StorageError) -> [Account]
}
