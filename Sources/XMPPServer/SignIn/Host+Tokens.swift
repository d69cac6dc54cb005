import XMPP
import XMPPStream

/// Revoking tokens and grants.
extension Host {
    /// Revokes a token and ends its sessions.
    public func revoke(_ token: Token) async throws(StorageError) {
        guard let account = try await accounts.load(token.account) else { return }
        let event = AccessEvent(account: account, grant: nil, token: token.digest, host: self)
        try await revoke(event, .removeToken(digest: token.digest)) { revocations.add(token: token.digest) }
    }

    /// Revokes an app's grant with all its tokens, and ends their sessions.
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
