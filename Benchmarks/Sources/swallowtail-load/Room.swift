import ArgumentParser
import NIOCore

/// Messages in a room (XEP-0045).
struct Room: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Messages of some occupants to all of a room.",
        discussion: """
            An operation is a delivery to one occupant, the sender included. --window is for each sender. With --entering the \
            work is not messages: so many more clients enter the room one after the other, and an operation is an entry, with \
            all that is sent because of it.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Occupants.") var occupants = 200
    @Option(help: "Occupants that write.") var senders = 5
    @Option(help: "The room; its service is made of the domain.") var room = "load"
    @Option(help: "Clients that enter a room with all occupants in it.") var entering = 0

    func validate() throws {
        guard senders > 0, occupants >= senders, entering >= 0 else {
            throw ValidationError("--senders is between 1 and --occupants")
        }
    }

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let address = "\(room)@conference.\(target.domain)"
        let work = RoomWork(run, room: address, senders: senders, occupants: occupants)
        run.fleet.work = work
        run.signIn(occupants + entering)
        work.enter(0..<occupants, timeout: options.timeout)
        run.rest(options.settle)
        guard entering > 0 else { return run.finish([run.measure("room", work, pace, fan: occupants)]) }
        let before = run.fleet.onLoop { work.presences }
        let begin = run.reading()
        work.enter(occupants..<(occupants + entering), timeout: options.timeout)
        // Until the occupants have been told too.
        let wanted = before + (0..<entering).reduce(0) { $0 + 2 * (occupants + $1) + 1 }
        guard run.fleet.wait(seconds: options.timeout, until: { _ in work.presences >= wanted }) else {
            fail("not all were told who has entered")
        }
        let end = run.reading()
        run.finish([run.outcome("room-enter", from: begin, to: end, operations: entering, lost: 0)])
    }
}

final class RoomWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let room: String
    private let fan: FanOut
    /// Clients that are in.
    private var entered = 0
    private var isReady = false
    /// Presence of occupants that has come to any of them.
    private(set) var presences = 0

    init(_ run: Run, room: String, senders: Int, occupants: Int) {
        self.run = run
        self.room = room
        fan = FanOut(
            run, senders: senders, receivers: 0...(occupants - 1),
            head: "<message to='\(room)' type='groupchat'><body>", tail: "</body></message>")
    }

    /// Has clients enter one after the other. To be called on the main thread.
    func enter(_ range: Range<Int>, timeout: Double) {
        for index in range {
            run.fleet.onLoop {
                self.run.fleet.clients[index]?.write(
                    "<presence to='\(self.room)/nick\(index)'><x xmlns='http://jabber.org/protocol/muc'>"
                        + "<history maxstanzas='0'/></x></presence>")
            }
            guard run.fleet.wait(seconds: timeout, until: { _ in self.entered == index + 1 }) else {
                fail("client \(index) does not get into the room")
            }
            guard index == 0 else { continue }
            // A room that is new is locked until its owner says how it is to be.
            run.fleet.onLoop {
                self.run.fleet.clients[0]?.write(
                    "<iq type='set' id='room' to='\(self.room)'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                        + "<x xmlns='jabber:x:data' type='submit'/></query></iq>")
            }
            guard run.fleet.wait(seconds: timeout, until: { _ in self.isReady }) else { fail("the room stays locked") }
        }
    }

    func fire(due: UInt64) { fan.fire(due: due) }
    func prime() { fan.prime() }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("presence") {
            guard stanza.contains("http://jabber.org/protocol/muc") else { return }
            if stanza.attribute("type", is: "error") { return run.fleet.complain(stanza.excerpt) }
            presences += 1
            if stanza.contains("code='110'") || stanza.contains("code=\"110\"") { entered += 1 }
        } else if stanza.isNamed("iq") {
            guard stanza.attribute("id", is: "room") else { return client.answer(stanza) }
            isReady = true
        } else if stanza.attribute("type", is: "error") {
            run.tally.errors += 1
            run.fleet.complain(stanza.excerpt)
        } else if fan.arrived(stanza, at: client) {
            fan.prime()
        }
    }
}
