import XMPP
import XMPPStream

/// Tokens and grants as they are taken back.
extension Host {
    /// Makes a token void and ends the sessions that it has opened.
    public func revoke(_ token: Token) async throws(StorageError) {
        guard let account = try await accounts.load(token.account) else { return }
        let event = AccessEvent(account: account, grant: nil, token: token.digest, host: self)
        try await revoke(event, .removeToken(digest: token.digest)) { revocations.add(token: token.digest) }
    }

    /// Takes back what an app was granted: all tokens of the grant are void, and the sessions end that they have opened.
    public func revoke(_ grant: Grant) async throws(StorageError) {
        guard let account = try await accounts.load(grant.account) else { return }
        let event = AccessEvent(account: account, grant: grant, token: nil, host: self)
        try await revoke(event, .removeGrant(grant.id)) { revocations.add(grant: grant.id) }
    }

    private func revoke(
        _ event: AccessEvent, _ change: StorageChange, note: () -> Void
    ) async throws(StorageError) {
        var event = event
        fire(Hooks.accessRevoked, &event)
        try await storage.commit([change])
        note()
        for session in event.account.sessions where session.token.map(event.isAbout) ?? false {
            session.end(.notAuthorized)
        }
    }
}
