import XMPP

/// Access tokens, and the grants that they belong to.
public protocol TokenStorage: Sendable {
    /// The token with the digest, or nil. It may have expired: the caller checks that.
    func token(digest: [UInt8]) async throws(StorageError) -> Token?
    /// All tokens of an account, oldest first, including expired ones.
    func tokens(of jid: JID) async throws(StorageError) -> [Token]
    /// Whether any account of a host has a token.
    func hasTokens(host: String) async throws(StorageError) -> Bool
    /// The grant with the id, or nil. It may have expired: the caller checks that, also for the methods below.
    func grant(_ id: String) async throws(StorageError) -> Grant?
    /// The grant with that family of refresh tokens, or nil.
    func grant(refreshFamily: [UInt8]) async throws(StorageError) -> Grant?
    /// All grants of an account, oldest first.
    func grants(of jid: JID) async throws(StorageError) -> [Grant]
    /// All grants by accounts of a host to an app.
    func grants(host: String, app: String) async throws(StorageError) -> [Grant]
}
