import XMPPServer

/// The namespaces of XEP-0060 and of what stands beside it in its stanzas.
extension Namespace {
    static let pubSub: Namespace = "http://jabber.org/protocol/pubsub"
    static let pubSubOwner: Namespace = "http://jabber.org/protocol/pubsub#owner"
    static let pubSubEvent: Namespace = "http://jabber.org/protocol/pubsub#event"
    /// A feature, and what a form is about that says what a node must be like to be published to.
    static let publishOptions: Namespace = "http://jabber.org/protocol/pubsub#publish-options"
    static let pubSubErrors: Namespace = "http://jabber.org/protocol/pubsub#errors"
    /// Addresses beside those of the stanza (XEP-0033).
    static let addresses: Namespace = "http://jabber.org/protocol/address"
    /// In which order items are wanted (XEP-0413).
    static let orderBy: Namespace = "urn:xmpp:order-by:1"
}
