import XML
import XMPP

/// What a client asks for together with its sign-in, XEP-0388 §2.3: the element `<authenticate/>`.
public struct AuthenticationRequest: Sendable {
    /// The element as received, for those who know its other children.
    public let element: Element
    /// nil: the client does not say.
    public let userAgent: UserAgent?

    init(_ element: Element) {
        // The sign-in may take more messages, and time.
        self.element = element.detached()
        userAgent = element.child("user-agent", .sasl2).map(UserAgent.init)
    }

    var mechanism: String { element["mechanism"] ?? "" }

    /// The text of the initial response in the form of RFC 6120 §6.4.2, where an equals sign stands for an empty one.
    var initialResponse: String? {
        guard let text = element.child("initial-response", .sasl2)?.text else { return nil }
        return text.isEmpty ? "=" : text
    }
}
