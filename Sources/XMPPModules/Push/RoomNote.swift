import XMPPServer

/// What a room tells the home of somebody who is away: that something was said, for a notification (XEP-0357). It is a
/// child of a message of type `headline` from the occupant that said it to the account, which no client gets.
struct RoomNote {
    /// Whether the message addresses the person.
    let isMention: Bool
    /// Whether the room is open to the public.
    let isPublic: Bool

    /// Only the server writes it.
    static let namespace: Namespace = "urn:swallowtail:room-note"

    init(isMention: Bool, isPublic: Bool) {
        self.isMention = isMention
        self.isPublic = isPublic
    }

    /// nil: the message has no note.
    init?(in message: Element) {
        guard let note = message.child("note", Self.namespace) else { return nil }
        self.init(
            isMention: note.attribute("mention", equals: "true"), isPublic: note.attribute("public", equals: "true"))
    }

    func write(to writer: inout XMLWriter) {
        writer.element(
            "note", Self.namespace,
            ["mention": isMention ? "true" : nil, "public": isPublic ? "true" : nil])
    }
}
