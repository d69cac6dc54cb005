import XMPP
import XMPPStream

/// The text of access tokens.
public enum AccessToken {
    /// Canonical base64, since some clients decode a token and encode it again; it begins with `Ew`, as tokens of the
    /// Messenger service did.
    public static func make() -> String {
        // A multiple of three, so that there is no padding.
        Base64.encode([0x13] + SecureRandom.bytes(1).map { $0 & 0x0F } + SecureRandom.bytes(64))
    }
}
