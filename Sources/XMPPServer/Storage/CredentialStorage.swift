import XMPP
import XMPPStream

/// The credentials of accounts.
public protocol CredentialStorage: Sendable {
    /// The SCRAM keys of an account, one for each hash; empty for an account without a password.
    func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential]
}
