import XMPP
import XMPPStream

/// What accounts prove themselves with.
public protocol CredentialStorage: Sendable {
    /// The SCRAM keys of an account, one entry for each hash; empty for an account without a password.
    func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential]
}
