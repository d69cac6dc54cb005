/// The contacts of the first client: all other clients, each with a subscription in both directions.
final class Contacts: @unchecked Sendable {
    private unowned let run: Run
    private let count: Int
    private let firstUser: Int
    /// Clients that are contacts already.
    private var mutual: Set<Int> = []
    private var isRosterThere = false
    /// Invitations that are not answered in both directions.
    private var open: Set<Int> = []

    init(_ run: Run, count: Int, firstUser: Int) {
        self.run = run
        self.count = count
        self.firstUser = firstUser
    }

    private var target: Target { run.fleet.target }
    private var hub: Client? { run.fleet.clients.first ?? nil }

    /// Subscribes whoever is not yet. To be called on the main thread.
    func subscribe() {
        for _ in 0..<4 {
            readRoster()
            let missing = run.fleet.onLoop { (1...self.count).filter { !self.mutual.contains($0) } }
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
        let known = run.fleet.onLoop { self.mutual.count }
        if known < count { fail("only \(known) of \(count) are contacts of both sides") }
    }

    private func readRoster() {
        run.fleet.onLoop {
            self.isRosterThere = false
            self.hub?.write("<iq type='get' id='contacts'><query xmlns='jabber:iq:roster'/></iq>")
        }
        if !run.fleet.wait(seconds: 20, until: { _ in self.isRosterThere }) { fail("the roster does not come") }
    }

    /// Takes what belongs to the subscriptions, and answers requests.
    ///
    /// - Returns: whether it was something of that kind.
    func received(_ stanza: ReceivedStanza, by client: Client) -> Bool {
        if stanza.isNamed("iq") {
            if stanza.attribute("id", is: "contacts") { take(roster: stanza) } else { client.answer(stanza) }
            return true
        }
        guard stanza.isNamed("presence"), stanza.attribute("type") != nil else { return false }
        subscription(stanza, by: client)
        return true
    }

    private func take(roster: ReceivedStanza) {
        var place = 0
        while let item = roster.find("<item", from: place) {
            place = item + 5
            guard roster.text(ofAttribute: "subscription", ofTagAt: item) == "both",
                let user = roster.text(ofAttribute: "jid", ofTagAt: item).flatMap(target.user)
            else { continue }
            let index = user - firstUser
            if (1...count).contains(index) { mutual.insert(index) }
        }
        isRosterThere = true
    }

    private func subscription(_ stanza: ReceivedStanza, by client: Client) {
        guard let from = stanza.text(ofAttribute: "from"), let index = target.user(in: from).map({ $0 - firstUser }),
            (0...count).contains(index)
        else { return }
        let bare = from.split(separator: "/")[0]
        if stanza.attribute("type", is: "subscribe") {
            client.write("<presence to='\(bare)' type='subscribed'/>")
            if client.index > 0 { client.write("<presence to='\(bare)' type='subscribe'/>") }
        } else if stanza.attribute("type", is: "subscribed"), client.index > 0 {
            open.remove(client.index)
        }
    }
}
