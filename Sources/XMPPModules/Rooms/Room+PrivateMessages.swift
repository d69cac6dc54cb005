import NIOCore
import XMPPServer

/// Private messages between occupants, XEP-0045 §7.5.
extension Room {
    /// Sends a message to one occupant, on all sessions that they have in the room.
    ///
    /// - Returns: why it is not sent; nil: it is.
    func whispers(_ event: StanzaContext, to place: JID) -> StanzaError? {
        guard exists else { return .itemNotFound }
        guard let sender = occupant(event.from) else { return .notAcceptable }
        guard let recipient = occupant(at: place), recipient.address == place else { return .itemNotFound }
        let isAllowed =
            switch configuration.privateMessages {
            case .anyone: true
            case .participants: sender.role >= .participant
            case .moderators: sender.role == .moderator
            case .none: false
            }
        guard isAllowed else { return .forbidden }
        var appended = XMLWriter()
        appended.element("occupant-id", .occupantID, ["id": sender.id])
        // Clients tell by it that this comes from a room.
        appended.element("x", .roomUser)
        var writer = XMLWriter()
        writer.stanza(
            event.stanza.element, from: sender.address.string, to: nil, lang: event.origin?.language,
            leavingOut: isRooms, appending: appended.finish())
        send(writer.finish(), from: sender.address, to: recipient.sessions.map(\.jid))
        return nil
    }
}
