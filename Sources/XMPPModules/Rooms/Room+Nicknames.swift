import NIOCore
import XMPPServer

/// Other nicknames for those who are there, XEP-0045 §7.6.
extension Room {
    /// Gives an occupant another nickname, with all of their sessions.
    func rename(
        _ occupant: Occupant, to place: JID, _ presence: ByteBuffer, _ session: JID
    ) throws(StanzaError) -> [StorageChange] {
        guard let key = place.resource.flatMap(RoomNickname.key), let former = nicknames[session] else {
            throw .notAcceptable
        }
        if key != former, occupants[key] != nil { throw .conflict }
        if let owner = reservations[key], !owner.isSameBare(as: session) { throw .conflict }
        let affiliation = affiliation(of: session)
        var gone = RoomPresence(occupant: occupant, affiliation: affiliation)
        gone.isUnavailable = true
        gone.newNickname = place.resource
        gone.cause.codes = [303]
        show(gone)
        remove(former)
        var occupant = occupant
        occupant.address = place
        occupant.sessions.removeAll { $0.jid == session }
        occupant.sessions.append(Occupant.Session(jid: session, presence: presence))
        put(occupant, key)
        show(RoomPresence(occupant: occupant, affiliation: affiliation))
        return occupant.sessions.map { service.store.putting(occupant.stored($0), at: $0.jid, address) }
    }
}
