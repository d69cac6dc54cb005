import XMPP

/// Sessions that can be resumed. Those of an account are read with it, see `AccountStorage.storedAccount`.
public protocol SessionStorage: Sendable {
    /// The accounts of a host that have sessions which can be resumed.
    func accountsWithSessions(host: String) async throws(StorageError) -> [JID]
}
