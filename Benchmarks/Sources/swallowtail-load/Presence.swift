import ArgumentParser
import NIOCore

/// One user's presence to all contacts.
struct Presence: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Presence of one user to many contacts.",
        discussion:
            "An operation is a delivery to one contact. Subscriptions that are missing are made first, by stanzas.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Contacts, all of them online.") var contacts = 200

    func run() throws {
        let target = try target.target()
        let run = try Run(target, options, firstUser: self.target.first)
        let work = PresenceWork(run, contacts: contacts, firstUser: self.target.first)
        run.fleet.work = work
        run.tally = Tally(flows: contacts)
        run.signIn(contacts + 1)
        work.subscribe()
        run.rest(options.settle)
        run.finish([run.measure("presence", work, pace, fan: contacts)])
    }
}

final class PresenceWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let contacts: Int
    private let firstUser: Int
    private var number = 0
    /// Clients that are contacts of both sides of the first one.
    private var mutual: Set<Int> = []
    private var isRosterThere = false
    /// Invitations that are not answered in both directions.
    private var open: Set<Int> = []

    init(_ run: Run, contacts: Int, firstUser: Int) {
        self.run = run
        self.contacts = contacts
        self.firstUser = firstUser
    }

    private var target: Target { run.fleet.target }
    private var hub: Client? { run.fleet.clients.first ?? nil }

    // MARK: Subscriptions

    /// Makes contacts of the first client and all others. To be called on the main thread.
    func subscribe() {
        for _ in 0..<4 {
            readRoster()
            let missing = run.fleet.onLoop { (1...self.contacts).filter { !self.mutual.contains($0) } }
            guard !missing.isEmpty else { return }
            for index in missing {
                run.fleet.onLoop {
                    self.open.insert(index)
                    self.hub?.write(
                        "<presence to='\(self.target.bareJID(of: self.firstUser + index))' type='subscribe'/>")
                }
                _ = run.fleet.wait(seconds: 2) { _ in self.open.count < 8 }
            }
            _ = run.fleet.wait(seconds: 5) { _ in self.open.isEmpty }
            run.fleet.onLoop { self.open = [] }
            run.rest(0.5)
        }
        readRoster()
        let count = run.fleet.onLoop { self.mutual.count }
        if count < contacts { fail("only \(count) of \(contacts) are contacts of both sides") }
    }

    private func readRoster() {
        run.fleet.onLoop {
            self.isRosterThere = false
            self.hub?.write("<iq type='get' id='contacts'><query xmlns='jabber:iq:roster'/></iq>")
        }
        if !run.fleet.wait(seconds: 20, until: { _ in self.isRosterThere }) { fail("the roster does not come") }
    }

    private func take(roster: ReceivedStanza) {
        var place = 0
        while let item = roster.find("<item", from: place) {
            place = item + 5
            guard roster.text(ofAttribute: "subscription", ofTagAt: item) == "both",
                let user = roster.text(ofAttribute: "jid", ofTagAt: item).flatMap(target.user)
            else { continue }
            let index = user - firstUser
            if (1...contacts).contains(index) { mutual.insert(index) }
        }
        isRosterThere = true
    }

    private func subscription(_ stanza: ReceivedStanza, by client: Client) {
        guard let from = stanza.text(ofAttribute: "from"), let index = target.user(in: from).map({ $0 - firstUser }),
            (0...contacts).contains(index)
        else { return }
        let bare = from.split(separator: "/")[0]
        if stanza.attribute("type", is: "subscribe") {
            client.write("<presence to='\(bare)' type='subscribed'/>")
            if client.index > 0 { client.write("<presence to='\(bare)' type='subscribe'/>") }
        } else if stanza.attribute("type", is: "subscribed"), client.index > 0 {
            open.remove(client.index)
        }
    }

    // MARK: Work

    func fire(due: UInt64) {
        guard let hub, hub.isReady else { return }
        // Each contact is a flow of its own, and gets every number.
        var next = 0
        for flow in 0..<contacts { next = run.tally.next(in: flow) }
        run.tally.sent -= contacts - 1
        hub.write { buffer in
            buffer.writeStaticString("<presence><show>")
            buffer.writeStaticString(next & 1 == 0 ? "chat" : "away")
            buffer.writeStaticString("</show><status>")
            run.marker.write(Mark(flow: 0, number: next, due: due), to: &buffer)
            buffer.writeStaticString("</status></presence>")
        }
    }

    func prime() {
        for _ in 0..<run.window where run.maySend { fire(due: uptime()) }
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("iq") {
            if stanza.attribute("id", is: "contacts") { return take(roster: stanza) }
            return client.answer(stanza)
        }
        guard stanza.isNamed("presence") else { return }
        guard stanza.attribute("type") == nil else { return subscription(stanza, by: client) }
        guard client.index > 0, var mark = run.marker.find(in: stanza) else { return }
        mark.flow = client.index - 1
        guard run.tally.arrived(mark, at: uptime()), run.isClosedLoop else { return }
        while run.maySend, run.tally.sent * contacts - run.tally.received <= (run.window - 1) * contacts {
            fire(due: uptime())
        }
    }
}
