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
        let circle = Contacts(run, count: contacts, firstUser: self.target.first)
        let work = PresenceWork(run, circle, contacts: contacts)
        run.fleet.work = work
        run.signIn(contacts + 1)
        circle.subscribe()
        run.rest(options.settle)
        run.finish([run.measure("presence", work, pace, fan: contacts)])
    }
}

final class PresenceWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let circle: Contacts
    private let fan: FanOut

    init(_ run: Run, _ circle: Contacts, contacts: Int) {
        self.run = run
        self.circle = circle
        let marker = run.marker
        fan = FanOut(run, receivers: 1...contacts) { mark, buffer in
            buffer.writeStaticString("<presence><show>")
            buffer.writeStaticString(mark.number & 1 == 0 ? "chat" : "away")
            buffer.writeStaticString("</show><status>")
            marker.write(mark, to: &buffer)
            buffer.writeStaticString("</status></presence>")
        }
    }

    func fire(due: UInt64) { fan.fire(due: due) }
    func prime() { fan.prime() }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        guard !circle.received(stanza, by: client), fan.arrived(stanza, at: client) else { return }
        fan.prime()
    }
}
