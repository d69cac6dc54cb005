import XMPPServer

/// The namespaces of XEP-0045 and of what stands beside it in its stanzas.
extension Namespace {
    /// A client's wish to enter a room, and a feature.
    static let rooms: Namespace = "http://jabber.org/protocol/muc"
    /// What a room tells occupants and those who are invited.
    static let roomUser: Namespace = "http://jabber.org/protocol/muc#user"
    static let roomAdmin: Namespace = "http://jabber.org/protocol/muc#admin"
    static let roomOwner: Namespace = "http://jabber.org/protocol/muc#owner"
    /// The ids of occupants (XEP-0421).
    static let occupantID: Namespace = "urn:xmpp:occupant-id:0"
}
