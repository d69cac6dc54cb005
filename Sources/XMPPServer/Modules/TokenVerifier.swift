import XMPP

/// The verdict on an access token that another server made.
public enum TokenVerdict: Sendable {
    /// It is valid for this existing account.
    case account(JID)
    /// It is unknown, void, or allows too little.
    case refused
    /// That cannot be determined now.
    case unavailable
}

/// Verifies an access token that another server made, within some seconds.
public typealias TokenVerifier = @Sendable (_ token: String) async -> TokenVerdict
