import Crypto
import NIOCore
import XMPPServer

/// Somebody in a room, under a nickname: with one session or several.
struct Occupant: Sendable {
    struct Session: Sendable {
        /// The full JID.
        let jid: JID
        /// The presence that it has sent to the room: what is inside of the element.
        var presence: ByteBuffer
    }

    /// The bare JID.
    let jid: JID
    /// The room's address with the nickname.
    var address: JID
    var role: RoomRole
    /// The one that has sent presence last is the last.
    var sessions: [Session]
    /// XEP-0421: the same whenever they are in the room, whatever their nickname.
    let id: String
    /// What they are in the room beside role and affiliation.
    var hats: [RoomHat] = []

    var nickname: String { address.resource ?? "" }
    var presence: ByteBuffer { sessions.last?.presence ?? ByteBuffer() }

    /// What is stored of one of the sessions.
    func stored(_ session: Session) -> StoredOccupant {
        StoredOccupant(nickname: nickname, role: role, presence: session.presence)
    }

    /// The id of a person in a room: it does not tell who that is, and differs from room to room.
    ///
    /// - Parameter secret: the room's.
    static func id(of person: JID, _ secret: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(person.bare.string.utf8), using: SymmetricKey(data: secret))
        return Base64.encode(Array(code.prefix(18)))
    }
}
