import XMPP

/// What the owner of a ``SASLExchange`` does next.
public enum SASLAction: Sendable {
    /// Send these bytes, base64-encoded, in `<challenge>`; none of them makes an empty element.
    case challenge([UInt8])
    /// Look up the credential of the account with this local part and answer with
    /// ``SASLExchange/credentialFound(_:)``; where there is no such account, with a decoy
    /// (``SCRAMCredential/decoy(user:hash:secret:iterations:)``).
    case findCredential(user: String, hash: SCRAMHash)
    /// Verify the password of the account with this local part (``SCRAMCredential/verifies(password:)``, outside the
    /// event loop) and answer with ``SASLExchange/verified(account:)`` or ``SASLExchange/refused(_:)``.
    case verifyPassword(user: String, password: Redacted<String>)
    /// Verify the access token and answer with ``SASLExchange/verified(account:)`` or ``SASLExchange/refused(_:)``.
    /// The token alone says whose it is; `user` is the local part that the client claims, if any, for logs.
    case verifyToken(Redacted<String>, user: String?)
    /// Send `<success>` with `data`, base64-encoded, if there is any. `user` is the local part of the authenticated
    /// account.
    case succeed(user: String, data: [UInt8]?)
    /// Send `<failure>`. The exchange may be tried again if the owner allows it.
    case fail(SASLFailure)
    /// Do nothing: a look-up was answered after its attempt had ended.
    case ignore
}
