import XMPP

/// The next action of a ``SASLExchange``'s owner.
public enum SASLAction: Sendable {
    /// Send `<challenge>` with these bytes, base64-encoded; without bytes it is empty.
    case challenge([UInt8])
    /// Look up the credential of the account with this local part, and answer with
    /// ``SASLExchange/credentialFound(_:)``; without an account, with a decoy
    /// (``SCRAMCredential/decoy(user:hash:secret:iterations:)``).
    case findCredential(user: String, hash: SCRAMHash)
    /// Check whether a password proof for the account with this local part may be tested, and answer with
    /// ``SASLExchange/mayTest()`` or ``SASLExchange/refused(_:)``.
    case testProof(user: String)
    /// Verify the password of the account with this local part (``SCRAMCredential/verifies(password:)``, outside the
    /// event loop) and answer with ``SASLExchange/verified(account:data:)`` or ``SASLExchange/refused(_:)``.
    case verifyPassword(user: String, password: Redacted<String>)
    /// Verify the access token and answer with ``SASLExchange/verified(account:data:)`` or
    /// ``SASLExchange/refused(_:)``. Only the token determines the account; `user` is the local part that the client
    /// claims, if any, for logs.
    case verifyToken(Redacted<String>, user: String?)
    /// Verify the proof of an installation token and answer with ``SASLExchange/verified(account:data:)`` or
    /// ``SASLExchange/refused(_:)``.
    case verifyProof(TokenProof)
    /// Send `<continue>` with the task to provide a key for this hash, and `data`, base64-encoded (XEP-0480 §2.2).
    case askForTask(SCRAMHash, data: [UInt8]?)
    /// Send the salt and iteration count for the key.
    case sendSalt([UInt8], iterations: Int)
    /// Store the credential and answer with ``StreamStateMachine/taskEnded(_:)``.
    case keep(SCRAMCredential)
    /// Send `<success>` with `data`, base64-encoded, if there is any. `user` is the local part of the authenticated
    /// account.
    case succeed(user: String, mechanism: String, data: [UInt8]?)
    /// Send `<failure>`. The client may try again if the owner allows it.
    case fail(SASLFailure)
    /// Do nothing: the answer to a look-up came after the end of its attempt.
    case ignore
}
