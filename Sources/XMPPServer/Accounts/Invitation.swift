import Crypto
import XML
import XMPP

/// An invitation: whoever has its token can become a contact of the inviter, or register an account, or both, once.
public struct Invitation: Sendable, Equatable {
    /// The inviter, whose contact the guest becomes; nil: none.
    public let inviter: JID?
    public let createdAt: Timestamp
    /// When it expires.
    public let expiresAt: Timestamp
    /// Whether the guest may register an account.
    public let allowsAccount: Bool

    /// The default lifetime: a week.
    public static let standardSeconds: Int64 = 7 * 86_400

    public init(inviter: JID?, createdAt: Timestamp, expiresAt: Timestamp, allowsAccount: Bool = true) {
        self.allowsAccount = allowsAccount
        self.inviter = inviter?.bare
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    /// The store of invitations.
    public static let storeName = "invitation"

    /// The module that invitations depend on.
    public static let module = "invitations"

    /// The invitations of a host. The owner is the host's JID, the key is that of the token.
    public static func store(in storage: any Storage) -> KeyedStore<Invitation> {
        KeyedStore(storeName, in: storage)
    }

    /// The key of an invitation: the digest of its token, so that the store does not reveal it.
    public static func key(ofToken token: String) -> String {
        SHA256.hash(data: Array(token.utf8)).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    /// A token that cannot be guessed.
    public static func makeToken() -> String { SecureRandom.text(length: 24) }

    /// The address for a guest.
    public func link(token: String, host: String) -> String {
        guard let inviter else { return "xmpp:\(Percent.encode(host))?register;preauth=\(token)" }
        return "xmpp:\(Percent.encode(inviter.string))?roster;preauth=\(token)\(allowsAccount ? ";ibr=y" : "")"
    }
}

extension Invitation: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:invitation"

    public init?(stored element: Element) {
        guard element.isNamed("invitation", Self.namespace),
            let createdAt = element["created"].flatMap({ Timestamp($0) }),
            let expiresAt = element["expires"].flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            inviter: element["inviter"].flatMap { JID($0) }, createdAt: createdAt, expiresAt: expiresAt,
            allowsAccount: element["account"] != "false")
    }

    public func write(to writer: inout XMLWriter) {
        writer.start("invitation", Self.namespace)
        writer.attribute("inviter", inviter?.string)
        writer.attribute("created", createdAt.xep0082)
        writer.attribute("expires", expiresAt.xep0082)
        if !allowsAccount { writer.attribute("account", "false" as StaticString) }
        writer.end()
    }
}
