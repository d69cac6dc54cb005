import XMPP

/// What somebody says of an access token that the server has not made itself.
public enum TokenVerdict: Sendable {
    /// It is the account's; the account exists.
    case account(JID)
    /// It is nobody's, or void, or allows too little.
    case refused
    /// That cannot be known now.
    case unavailable
}

/// Says whose an access token is that the server has not made itself. It takes no longer than some seconds.
public typealias TokenVerifier = @Sendable (_ token: String) async -> TokenVerdict
