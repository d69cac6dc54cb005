import XMPP
import XMPPStream

/// The text of access tokens.
public enum AccessToken {
    /// Canonical base64, as some clients decode a token and encode it again. It begins with `Ew`, like tokens of the
    /// Messenger service.
    public static func make() -> String {
        // A multiple of three, so that there is no padding.
        Base64.encode([0x13] + SecureRandom.bytes(1).map { $0 & 0x0F } + SecureRandom.bytes(64))
    }
}
