import XMPP
import XMPPStream

/// Tokens and grants as they are taken back.
extension Host {
    /// Makes a token void and ends the sessions that it has opened.
    public func revoke(_ token: Token) async throws(StorageError) {
        try await storage.commit([.removeToken(digest: token.digest)])
        revocations.add(token: token.digest)
        endSessions(of: token.account) { $0.digest == token.digest }
    }

    /// Takes back what an app was granted: all tokens of the grant are void, and the sessions end that they have opened.
    public func revoke(_ grant: Grant) async throws(StorageError) {
        try await storage.commit([.removeGrant(grant.id)])
        revocations.add(grant: grant.id)
        endSessions(of: grant.account) { $0.grant == grant.id }
    }

    private func endSessions(of account: JID, where isMeant: (VerifiedToken) -> Bool) {
        for session in accounts.resident(account)?.sessions ?? [] where session.token.map(isMeant) ?? false {
            session.end(.notAuthorized)
        }
    }
}
