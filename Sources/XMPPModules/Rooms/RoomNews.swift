import NIOCore
import XMPPServer

/// Tells the homes of those who belong to a room and are away that something was said, for notifications. Used on the
/// room's loop; hence `@unchecked Sendable`.
///
/// It is an origin of its own: that an account has to be read for it holds nobody in the room. Those whose homes do not want
/// to know are not told until they enter again.
final class RoomNews: StanzaOrigin, @unchecked Sendable {
    /// A message for those who are still to be told of it.
    private struct Item {
        let note: Stanza
        let from: JID
        var people: ArraySlice<JID>
    }

    /// What waits; what is older is left out then, as a notification says no more than that there is something.
    private static let maximumWaiting = 32
    /// People who are told in one go.
    private static let slice = 50

    let loop: LoopContext
    let host: Host
    private var items: [Item] = []
    private var isBusy = false
    private var pauses = 0
    /// Those who do not want to know, by their bare JIDs.
    private var deaf: Set<JID> = []

    init(host: Host, on loop: LoopContext) {
        self.host = host
        self.loop = loop
    }

    /// Whether nothing waits.
    var isEmpty: Bool { items.isEmpty }

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
        if items.count >= Self.maximumWaiting { items.removeFirst() }
        items.append(Item(note: stanza, from: from, people: people[...]))
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
        var rest = Self.slice
        while rest > 0, pauses == 0, let item = items.first {
            guard let person = item.people.first else {
                items.removeFirst()
                continue
            }
            items[0].people.removeFirst()
            rest -= 1
            host.router.route(item.note, from: item.from, to: person, host: host, origin: self)
        }
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
            let person = stanza.element["from"].flatMap({ JID($0)?.bare })
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
        let first = FirstResult<Value> { value in
            self.loop.eventLoop.execute {
                then(value)
                self.pauses -= 1
                self.goOn()
            }
        }
        let alarm = loop.eventLoop.scheduleTask(in: time) { first.answer(nil) }
        Task {
            let value = await operation()
            alarm.cancel()
            first.answer(value)
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
        let text = message.child("body", .client)?.text ?? ""
        var (others, mentioned): ([JID], [JID]) = ([], [])
        for person in people {
            let isMention = members[person]?.nickname.map { RoomNotifications.names($0, in: text) } ?? false
            if isMention { mentioned.append(person) } else { others.append(person) }
        }
        news.tell(mentioned, of: message, from: author.address, RoomNote(isMention: true, isPublic: isForEverybody))
        news.tell(others, of: message, from: author.address, RoomNote(isMention: false, isPublic: isForEverybody))
    }
}
