/// The supported mechanisms, in order of preference.
public enum SASLMechanism: String, Sendable, CaseIterable {
    case scramSHA256Plus = "SCRAM-SHA-256-PLUS"
    case scramSHA1Plus = "SCRAM-SHA-1-PLUS"
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA1 = "SCRAM-SHA-1"
    case oauthBearer = "OAUTHBEARER"
    case messengerOAuth2 = "X-MESSENGER-OAUTH2"
    case plain = "PLAIN"

    /// Whether the mechanism needs a ``ChannelBinding``.
    public var needsChannelBinding: Bool {
        self == .scramSHA256Plus || self == .scramSHA1Plus
    }

    /// Whether the client sends an access token, instead of proving a password.
    public var usesTokens: Bool {
        self == .oauthBearer || self == .messengerOAuth2
    }

    /// The hash of a SCRAM mechanism, else nil.
    public var scramHash: SCRAMHash? {
        switch self {
        case .scramSHA256Plus, .scramSHA256: .sha256
        case .scramSHA1Plus, .scramSHA1: .sha1
        case .oauthBearer, .messengerOAuth2, .plain: nil
        }
    }
}
