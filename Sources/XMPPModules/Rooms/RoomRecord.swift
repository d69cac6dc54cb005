import NIOCore
import XMPPServer

/// A room as it is stored: its configuration and its subject. Who is what to it, and who is there, is beside it, in maps of
/// their own.
struct RoomRecord: Sendable, Equatable {
    /// What the room is about at the moment, as an occupant has set it.
    struct Subject: Sendable, Equatable {
        var text = ""
        /// The nickname of who has set it; nil: nobody.
        var nickname: String?
        var time: Timestamp?
    }

    /// What is known of its card, which is stored beside it.
    struct Card: Sendable, Equatable {
        /// The hashes of its pictures.
        var pictures: [String]
    }

    var configuration = RoomConfiguration.initial
    var subject = Subject()
    /// nil: it has none.
    var card: Card?
    /// What people may be in it beside what all rooms know (XEP-0317).
    var hats: [RoomHat] = []
    /// Nobody but its maker may enter before it is configured, XEP-0045 §10.1.
    var isLocked = false
    let created: Timestamp
    /// The key of its occupants' ids (XEP-0421).
    let secret: [UInt8]

    init(created: Timestamp, secret: [UInt8]) {
        self.created = created
        self.secret = secret
    }

    /// Whether everybody may learn of the room.
    var isListed: Bool { configuration.isPublic && !isLocked }
}

extension RoomRecord: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:room"
    /// What is as here is not stored. It must never change.
    private static let base = RoomConfiguration()

    init?(stored element: Element) {
        guard let created = element["created"].flatMap({ Timestamp($0) }),
            let secret = element["secret"].flatMap({ Base64.decode($0) })
        else { return nil }
        self.init(created: created, secret: secret)
        isLocked = element["locked"] == "true"
        var configuration = Self.base
        for child in element.children {
            if child.hasName("field"), let name = child["var"] {
                do throws(StanzaError) {
                    try configuration.restore(name, child.children.map(\.text))
                } catch {
                    return nil
                }
            } else if child.hasName("subject") {
                subject = Subject(
                    text: child.text, nickname: child["nick"], time: child["at"].flatMap { Timestamp($0) })
            } else if child.hasName("hat"), let uri = child["uri"] {
                hats.append(RoomHat(uri: uri, title: child["title"] ?? "", hue: child["hue"]))
            } else if child.hasName("card") {
                card = Card(pictures: child.children.map(\.text))
            }
        }
        self.configuration = configuration
    }

    func write(to writer: inout XMLWriter) {
        writer.start("room", Self.namespace)
        writer.attribute("created", created.xep0082)
        writer.attribute("secret", Base64.encode(secret))
        if isLocked { writer.attribute("locked", "true" as StaticString) }
        for (name, values) in configuration.differences(from: Self.base) {
            writer.element("field", nil, ["var": name]) { writer in
                for value in values { writer.element("value", text: value) }
            }
        }
        if let time = subject.time {
            writer.element("subject", nil, ["nick": subject.nickname, "at": time.xep0082], text: subject.text)
        }
        for hat in hats { writer.element("hat", nil, ["uri": hat.uri, "title": hat.title, "hue": hat.hue]) }
        if let card {
            writer.element("card") { writer in
                for picture in card.pictures { writer.element("picture", text: picture) }
            }
        }
        writer.end()
    }
}

/// What somebody is to a room for long, as it is stored under the bare JID.
struct RoomMember: Sendable, Equatable {
    var affiliation: RoomAffiliation
    /// The nickname that is reserved for them, XEP-0045 §7.10.
    var nickname: String?
    /// Why; told to those who read the list.
    var reason: String?
    /// The hats that they wear, by their URIs.
    var hats: [String] = []
    /// When they left the room last; nil: they are there, or have never been.
    var left: Timestamp?

    /// Whether there is nothing to keep.
    var isNothing: Bool { affiliation == .none && nickname == nil && hats.isEmpty }
}

extension RoomMember: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:room#member"

    init?(stored element: Element) {
        guard let affiliation = element["affiliation"].flatMap(RoomAffiliation.init) else { return nil }
        self.init(
            affiliation: affiliation, nickname: element["nick"], reason: element["reason"],
            hats: element.children.filter { $0.hasName("hat") }.map(\.text),
            left: element["left"].flatMap { Timestamp($0) })
    }

    func write(to writer: inout XMLWriter) {
        writer.element(
            "member", Self.namespace,
            ["affiliation": affiliation.rawValue, "nick": nickname, "reason": reason, "left": left?.xep0082]
        ) { writer in
            for hat in hats { writer.element("hat", text: hat) }
        }
    }
}

/// One session in a room, as it is stored under its full JID.
struct StoredOccupant: Sendable {
    let nickname: String
    let role: RoomRole
    /// The session's presence in the room: what is inside of the element.
    let presence: ByteBuffer
}

extension StoredOccupant: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:room#occupant"

    init?(stored element: Element) {
        guard let nickname = element["nick"], let role = element["role"].flatMap(RoomRole.init) else { return nil }
        var writer = XMLWriter()
        for child in element.firstChild?.children ?? element.children { writer.copy(child) }
        self.init(nickname: nickname, role: role, presence: writer.finish())
    }

    func write(to writer: inout XMLWriter) {
        writer.start("occupant", Self.namespace)
        writer.attribute("nick", nickname)
        writer.attribute("role", role.rawValue)
        writer.element("presence", .client) { $0.raw(presence) }
        writer.end()
    }
}

/// That somebody has to do with a room, as it is stored with them under its address.
struct RoomRelation: Sendable {
    let affiliation: RoomAffiliation
    /// When they left it last; nil: they are there, or have never been.
    var left: Timestamp?
}

extension RoomRelation: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:room#relation"

    init?(stored element: Element) {
        guard let affiliation = element["affiliation"].flatMap(RoomAffiliation.init) else { return nil }
        self.init(affiliation: affiliation, left: element["left"].flatMap { Timestamp($0) })
    }

    func write(to writer: inout XMLWriter) {
        writer.element(
            "relation", Self.namespace, ["affiliation": affiliation.rawValue, "left": left?.xep0082])
    }
}
