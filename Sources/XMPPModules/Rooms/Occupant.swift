import Crypto
import NIOCore
import XMPPServer

/// Somebody in a room, under a nickname: with one session or several. There may be many, so it takes little.
struct Occupant: Sendable {
    struct Session: Sendable {
        /// The full JID.
        let jid: JID
        private let content: [UInt8]

        init(jid: JID, presence: ByteBuffer) {
            self.jid = jid
            content = Array(presence.readableBytesView)
        }

        /// The presence that it has sent to the room: what is inside of the element.
        var presence: ByteBuffer { ByteBuffer(bytes: content) }
    }

    /// The room's address with the nickname.
    var address: JID
    var role: RoomRole
    /// The one that has sent presence last is the last.
    var sessions: [Session]
    /// What they are in the room beside role and affiliation.
    var hats: [RoomHat]
    private let code: (UInt64, UInt64)

    /// - Parameters:
    ///   - person: who it is.
    ///   - secret: the room's.
    init(_ person: JID, at address: JID, role: RoomRole, _ hats: [RoomHat], _ secret: [UInt8]) {
        self.address = address
        self.role = role
        self.hats = hats
        sessions = []
        code = Self.code(of: person, secret)
    }

    var nickname: String { address.resource ?? "" }
    var presence: ByteBuffer { sessions.last?.presence ?? ByteBuffer() }
    /// The bare JID.
    var jid: JID { (sessions.last?.jid ?? address).bare }

    func isSame(as person: JID) -> Bool { sessions.last?.jid.isSameBare(as: person) == true }

    /// What is stored of one of the sessions.
    func stored(_ session: Session) -> StoredOccupant {
        StoredOccupant(nickname: nickname, role: role, presence: session.presence)
    }

    // MARK: The id

    /// XEP-0421: the same whenever they are in the room, whatever their nickname. It does not tell who they are, and differs
    /// from room to room.
    var id: String {
        let bytes = withUnsafeBytes(of: (code.0.littleEndian, code.1.littleEndian)) { Array($0) }
        return Base64.encode(bytes)
    }

    private static func code(of person: JID, _ secret: [UInt8]) -> (UInt64, UInt64) {
        let key = SymmetricKey(data: secret)
        let digest = Array(HMAC<SHA256>.authenticationCode(for: Array(person.bare.string.utf8), using: key))
        let part = { (start: Int) in (0..<8).reduce(UInt64(0)) { $0 | UInt64(digest[start + $1]) << (8 * UInt64($1)) } }
        return (part(0), part(8))
    }
}
