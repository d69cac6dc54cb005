import NIOCore
import XMPPServer

/// Tells the homes of those who belong to a room and are away that something was said, for notifications. Used on the
/// room's loop; hence `@unchecked Sendable`.
///
/// It is an origin of its own: that an account has to be read for it holds nobody in the room. Those whose homes do not want
/// to know are not told until they enter again.
final class RoomNews: StanzaOrigin, @unchecked Sendable {
    /// What somebody is told: of the last message that mentions them, else of the last one.
    private struct Item {
        let note: Stanza
        let from: JID
        let isMention: Bool
    }

    /// People who are told in one go.
    private static let slice = 50
    /// The conditions by which a home says that somebody is not to be told. Others may pass.
    private static let refusals: [StanzaError.Condition] = [.serviceUnavailable, .itemNotFound, .gone, .redirect]

    let loop: LoopContext
    let host: Host
    private var items: [JID: Item] = [:]
    /// Those who are to be told, in the order of their turns.
    private var turns: [JID] = []
    private var isBusy = false
    private var pauses = 0
    /// Those who do not want to know, by their bare JIDs.
    private var deaf: Set<JID> = []

    init(host: Host, on loop: LoopContext) {
        self.host = host
        self.loop = loop
    }

    /// Called when nothing waits any more.
    var whenEmpty: (() -> Void)?

    /// Whether nothing waits.
    var isEmpty: Bool { items.isEmpty && pauses == 0 }

    /// Somebody is in the room: what their home has said is forgotten.
    func entered(_ person: JID) { deaf.remove(person) }

    /// Whether somebody who is away may want to know.
    func reaches(_ person: JID) -> Bool {
        !deaf.contains(person) && host.router.hosts[of: person]?.offers(Push.info.name) == true
    }

    /// Tells people of a message.
    func tell(_ people: [JID], of message: Element, from: JID, _ note: RoomNote) {
        guard !people.isEmpty else { return }
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("from", from.string)
        writer.attribute("type", "headline" as StaticString)
        for child in message.children where RoomNotifications.reads(child) { writer.copy(child) }
        note.write(to: &writer)
        writer.end()
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a room's note") else { return }
        for person in people {
            if let waiting = items[person] {
                if waiting.isMention, !note.isMention { continue }
            } else {
                turns.append(person)
            }
            items[person] = Item(note: stanza, from: from, isMention: note.isMention)
        }
        goOn()
    }

    private func goOn() {
        guard !isBusy, pauses == 0, !items.isEmpty else { return }
        isBusy = true
        host.router.workBegan()
        loop.eventLoop.execute { [self] in
            isBusy = false
            sendSome()
            goOn()
            host.router.workEnded()
        }
    }

    private func sendSome() {
        var count = 0
        while count < min(Self.slice, turns.count), pauses == 0 {
            let person = turns[count]
            count += 1
            guard let item = items.removeValue(forKey: person) else { continue }
            host.router.route(item.note, from: item.from, to: person, host: host, origin: self)
        }
        turns.removeFirst(count)
        if isEmpty { whenEmpty?() }
    }

    // MARK: As an origin

    var language: String? { nil }
    var rights: SessionRights { .chat }
    var account: AccountRecord? { nil }
    var client: ClientSession? { nil }

    /// An error: whoever it is from does not want to know.
    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        guard let stanza = host.stanza(fromOwn: writer.finish(), "an error for a room"),
            let person = stanza.element["from"].flatMap({ JID($0)?.bare }),
            let error = stanza.element.child("error", .client),
            error.children.contains(where: { child in
                child.isIn(.stanzas) && Self.refusals.contains { child.hasName($0.name) }
            })
        else { return }
        if loop.eventLoop.inEventLoop {
            deaf.insert(person)
        } else {
            loop.eventLoop.execute { self.deaf.insert(person) }
        }
    }

    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        pauses += 1
        loop.wait(for: operation, within: time) { value in
            then(value)
            self.pauses -= 1
            self.goOn()
            if self.isEmpty { self.whenEmpty?() }
        }
    }

    /// It asks for nothing.
    func requestStarted(_ request: PendingRequest) {}
    func requestEnded(_ request: PendingRequest) {}
}

extension Room {
    /// Has those who belong to the room and are away notified of a message.
    func tellAbsent(of message: Element, by author: Occupant) {
        guard RoomNotifications.mayWake(message) else { return }
        service.notices.said(in: address, absent: absent)
        let people = absent.filter(news.reaches)
        guard !people.isEmpty else { return }
        let named = named(in: message.child("body", .client)?.text ?? "")
        let mentioned = people.filter(named.contains)
        let others = named.isEmpty ? people : people.filter { !named.contains($0) }
        news.tell(mentioned, of: message, from: author.address, RoomNote(isMention: true, isPublic: isForEverybody))
        news.tell(others, of: message, from: author.address, RoomNote(isMention: false, isPublic: isForEverybody))
    }
    /// Words of a text in which nicknames are looked for, and words of a nickname.
    private static let searchedWords = 200
    private static let nicknameWords = 3

    /// Those whose reserved nicknames stand in a text.
    private func named(in text: String) -> Set<JID> {
        guard !reservations.isEmpty else { return [] }
        let words = text.split(maxSplits: Self.searchedWords) { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "-" }
            .prefix(Self.searchedWords)
        var found: Set<JID> = []
        for start in words.indices {
            for count in 1...Self.nicknameWords where start + count <= words.endIndex {
                let name = words[start..<(start + count)].joined(separator: " ")
                if let person = RoomNickname.key(name).flatMap({ reservations[$0] }) { found.insert(person) }
            }
        }
        return found
    }
}
