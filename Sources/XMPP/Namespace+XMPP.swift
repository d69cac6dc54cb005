public import XML

/// The namespaces of RFC 6120 and RFC 6121, and of payloads that many specifications share. Others are declared by the
/// module that uses them.
extension Namespace {
    /// The stream's root, features and errors.
    public static let streams: Namespace = "http://etherx.jabber.org/streams"
    /// The content of a stream between servers.
    public static let server: Namespace = "jabber:server"
    /// The conditions of a stream error.
    public static let streamErrors: Namespace = "urn:ietf:params:xml:ns:xmpp-streams"
    /// The conditions of a stanza error.
    public static let stanzas: Namespace = "urn:ietf:params:xml:ns:xmpp-stanzas"
    /// STARTTLS.
    public static let tls: Namespace = "urn:ietf:params:xml:ns:xmpp-tls"
    /// Sign-in.
    public static let sasl: Namespace = "urn:ietf:params:xml:ns:xmpp-sasl"
    /// Sign-in with inline features (XEP-0388).
    public static let sasl2: Namespace = "urn:xmpp:sasl:2"
    /// Resource binding within the sign-in (XEP-0386).
    public static let bind2: Namespace = "urn:xmpp:bind:0"
    /// Sign-in with a token of the client's installation (XEP-0484).
    public static let fast: Namespace = "urn:xmpp:fast:0"
    /// Resource binding.
    public static let bind: Namespace = "urn:ietf:params:xml:ns:xmpp-bind"
    /// Session establishment (RFC 3921), without effect, but used by old clients.
    public static let session: Namespace = "urn:ietf:params:xml:ns:xmpp-session"
    /// The contact list.
    public static let roster: Namespace = "jabber:iq:roster"
    /// The stream feature of roster versions (RFC 6121, section 2.6).
    public static let rosterVersioning: Namespace = "urn:xmpp:features:rosterver"
    /// The stream feature of approval in advance (RFC 6121, section 3.4).
    public static let preApproval: Namespace = "urn:xmpp:features:pre-approval"
    /// The time at which a stanza was first sent (XEP-0203).
    public static let delay: Namespace = "urn:xmpp:delay"
    /// Nicknames (XEP-0172).
    public static let nick: Namespace = "http://jabber.org/protocol/nick"
    /// Identity and features of an entity (XEP-0030).
    public static let discoInfo: Namespace = "http://jabber.org/protocol/disco#info"
    /// Items of an entity (XEP-0030).
    public static let discoItems: Namespace = "http://jabber.org/protocol/disco#items"
    /// Acknowledgement and resumption (XEP-0198).
    public static let streamManagement: Namespace = "urn:xmpp:sm:3"
    /// Forms (XEP-0004).
    public static let dataForms: Namespace = "jabber:x:data"
    /// Ids of stanzas (XEP-0359).
    public static let stanzaIDs: Namespace = "urn:xmpp:sid:0"
    /// Processing hints (XEP-0334).
    public static let hints: Namespace = "urn:xmpp:hints"
    /// A stanza within another (XEP-0297).
    public static let forward: Namespace = "urn:xmpp:forward:0"
    /// Chat states (XEP-0085).
    public static let chatStates: Namespace = "http://jabber.org/protocol/chatstates"
    /// Delivery receipts (XEP-0184).
    public static let receipts: Namespace = "urn:xmpp:receipts"
    /// Chat markers (XEP-0333).
    public static let chatMarkers: Namespace = "urn:xmpp:chat-markers:0"
    /// Explicit encryption (XEP-0380).
    public static let encryption: Namespace = "urn:xmpp:eme:0"
    /// An invitation to a room (XEP-0249).
    public static let conference: Namespace = "jabber:x:conference"
    /// The archive of messages (XEP-0313).
    public static let archiveManagement: Namespace = "urn:xmpp:mam:2"
    /// vCards (XEP-0054).
    public static let vCard: Namespace = "vcard-temp"
    /// In-band registration (XEP-0077).
    public static let registration: Namespace = "jabber:iq:register"
    /// Ad-hoc commands (XEP-0050).
    public static let commands: Namespace = "http://jabber.org/protocol/commands"
    /// Pages of a result (XEP-0059).
    public static let resultSet: Namespace = "http://jabber.org/protocol/rsm"
}
