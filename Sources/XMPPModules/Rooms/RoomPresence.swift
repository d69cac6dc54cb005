import NIOCore
import XMPPServer

/// What a room says of an occupant, XEP-0045 §7.2.2 and where others change something about them.
struct RoomPresence: Sendable {
    /// Why somebody goes, or what has changed.
    struct Cause: Sendable {
        /// The nickname of who has done it.
        var actor: String?
        var reason: String?
        /// §15.6.
        var codes: [Int] = []
    }

    let occupant: Occupant
    let affiliation: RoomAffiliation
    /// Whose real address is shown; nil: that of the session that has sent presence last.
    var session: JID?
    var isUnavailable = false
    var cause = Cause()
    /// The nickname that they have from now on.
    var newNickname: String?
    /// Of the occupant's client, beside its presence, when it goes.
    var farewell: ByteBuffer?
    /// The element `destroy`, when the room ends.
    var destruction: ByteBuffer?

    /// Who gets it: that decides what is told.
    enum Viewer: Sendable {
        case own, moderator, other
    }

    /// The presence for a viewer.
    ///
    /// - Parameter address: nil: it is written when it is sent.
    func write(
        for viewer: Viewer, to address: JID?, codes ownCodes: [Int] = [], to writer: inout XMLWriter
    ) {
        writer.start("presence", .client)
        writer.attribute("from", occupant.address.string)
        writer.attribute("to", address?.string)
        if isUnavailable { writer.attribute("type", "unavailable" as StaticString) }
        if let content = isUnavailable ? farewell : occupant.presence { writer.raw(content) }
        writer.element("occupant-id", .occupantID, ["id": occupant.id])
        if !isUnavailable { RoomHat.write(occupant.hats, to: &writer) }
        writer.start("x", .roomUser)
        writer.start("item")
        writer.attribute("affiliation", affiliation.rawValue)
        writer.attribute("role", isUnavailable && newNickname == nil ? "none" : occupant.role.rawValue)
        if viewer != .other { writer.attribute("jid", (session ?? occupant.sessions.last?.jid)?.string) }
        writer.attribute("nick", newNickname)
        if let actor = cause.actor { writer.element("actor", nil, ["nick": actor]) }
        if let reason = cause.reason { writer.element("reason", text: reason) }
        writer.end()
        if let destruction { writer.raw(destruction) }
        for code in cause.codes + ownCodes { writer.element("status", nil, ["code": String(code)]) }
        if viewer == .own { writer.element("status", nil, ["code": "110"]) }
        writer.end()
        writer.end()
    }
}
