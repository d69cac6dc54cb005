import XMPP

/// What the owner of a ``SASLExchange`` does next.
public enum SASLAction: Sendable {
    /// Send these bytes, base64-encoded, in `<challenge>`; none of them makes an empty element.
    case challenge([UInt8])
    /// Look up the credential of the account with this local part and answer with
    /// ``SASLExchange/credentialFound(_:)``; where there is no such account, with a decoy
    /// (``SCRAMCredential/decoy(user:hash:secret:iterations:)``).
    case findCredential(user: String, hash: SCRAMHash)
    /// Ask whether a proof of the password of the account with this local part may be tested, and answer with
    /// ``SASLExchange/mayTest()`` or ``SASLExchange/refused(_:)``.
    case testProof(user: String)
    /// Verify the password of the account with this local part (``SCRAMCredential/verifies(password:)``, outside the
    /// event loop) and answer with ``SASLExchange/verified(account:data:)`` or ``SASLExchange/refused(_:)``.
    case verifyPassword(user: String, password: Redacted<String>)
    /// Verify the access token and answer with ``SASLExchange/verified(account:data:)`` or
    /// ``SASLExchange/refused(_:)``.
    /// The token alone says whose it is; `user` is the local part that the client claims, if any, for logs.
    case verifyToken(Redacted<String>, user: String?)
    /// Verify the proof of an installation's token and answer with ``SASLExchange/verified(account:data:)`` or
    /// ``SASLExchange/refused(_:)``.
    case verifyProof(TokenProof)
    /// Send `<continue>` with the task of giving a key for this hash, and `data`, base64-encoded (XEP-0480 §2.2).
    case askForTask(SCRAMHash, data: [UInt8]?)
    /// Send the salt and the number of iterations that the key is to be made with.
    case sendSalt([UInt8], iterations: Int)
    /// Keep the credential and answer with ``StreamStateMachine/taskEnded(_:)``.
    case keep(SCRAMCredential)
    /// Send `<success>` with `data`, base64-encoded, if there is any. `user` is the local part of the authenticated
    /// account.
    case succeed(user: String, mechanism: String, data: [UInt8]?)
    /// Send `<failure>`. The exchange may be tried again if the owner allows it.
    case fail(SASLFailure)
    /// Do nothing: a look-up was answered after its attempt had ended.
    case ignore
}
