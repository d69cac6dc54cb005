import XML
import XMPP

/// The request of a sign-in, XEP-0388 §2.3: the element `<authenticate/>`. A class, as a stream has space for one and
/// mostly has none.
public final class AuthenticationRequest: Sendable {
    /// The element as received, for handlers of its other children.
    public let element: Element
    /// nil: not given.
    public let userAgent: UserAgent?

    /// - Parameter element: `<authenticate/>`.
    public init(_ element: Element) {
        // The sign-in may take more messages, and time.
        self.element = element.detached()
        userAgent = element.child("user-agent", .sasl2).map(UserAgent.init)
    }

    /// The features that the client expects (XEP-0509 §2.2); nil: those it was sent.
    var expectedFeatures: String? { element.child("config-version", .pipelining)?["value"] }

    /// The keys that the client can provide (XEP-0480 §2.2).
    public var upgrades: [SCRAMHash] {
        let names = element.children.filter { $0.isNamed("upgrade", .saslUpgrade) }.map(\.text)
        return SCRAMHash.allCases.filter { names.contains(SASLUpgrade.name($0)) }
    }

    var mechanism: String { element["mechanism"] ?? "" }

    /// The initial response in the form of RFC 6120 §6.4.2, where an equals sign stands for an empty one.
    var initialResponse: String? {
        guard let text = element.child("initial-response", .sasl2)?.text else { return nil }
        return text.isEmpty ? "=" : text
    }
}

extension Namespace {
    /// Sign-in sent together with the stream header (XEP-0509).
    static let pipelining: Namespace = "urn:xmpp:iap:0"
    /// Keys for further mechanisms (XEP-0480).
    static let saslUpgrade: Namespace = "urn:xmpp:sasl:upgrade:0"
    /// The data of such a key for SCRAM.
    static let scramUpgrade: Namespace = "urn:xmpp:scram-upgrade:0"
}
