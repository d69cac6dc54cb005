import ArgumentParser
import NIOCore

/// One user publishes to many (XEP-0060, XEP-0163).
struct Publish: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One user publishes at a node for many.",
        discussion: """
            An operation is a delivery to one of them. Without --service the node is the publisher's own, and the others are \
            contacts whose clients want to be told of it; with it they subscribe to a node there, which the publisher makes.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Those who are told, all of them online.") var receivers = 200
    @Option(help: "The service at which the node is, such as pubsub.localhost.") var service: String?

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let circle = Contacts(run, count: receivers, firstUser: target.first)
        let work = PublishWork(run, circle, receivers: receivers, service: service)
        run.fleet.work = work
        if service == nil { run.fleet.capabilities = Capabilities(notified: [PublishWork.node]) }
        run.signIn(receivers + 1)
        if service == nil {
            circle.subscribe()
            // Some servers learn only from presence that comes behind the subscription what a client wants.
            run.fleet.onLoop {
                for client in run.fleet.clients { client?.write(run.fleet.capabilities.presence) }
            }
        } else {
            work.subscribe(timeout: options.timeout)
        }
        run.rest(options.settle)
        run.finish([run.measure(service == nil ? "publish" : "publish-service", work, pace, fan: receivers)])
    }
}

final class PublishWork: PacedWork, @unchecked Sendable {
    static let node = "http://jabber.org/protocol/tune"

    private unowned let run: Run
    private let circle: Contacts
    private let fan: FanOut
    private let service: String?
    /// Answers to requests that come before the work.
    private var answers = 0

    init(_ run: Run, _ circle: Contacts, receivers: Int, service: String?) {
        self.run = run
        self.circle = circle
        self.service = service
        let to = service.map { " to='\($0)'" } ?? ""
        fan = FanOut(
            run, receivers: 1...receivers,
            head: "<iq type='set' id='publish'\(to)><pubsub xmlns='\(PubSubRequest.namespace)'>"
                + "<publish node='\(Self.node)'><item id='current'><tune xmlns='\(Self.node)'><title>",
            tail: "</title></tune></item></publish></pubsub></iq>")
    }

    /// Makes the node and has all subscribe to it. To be called on the main thread.
    func subscribe(timeout: Double) {
        let fleet = run.fleet
        guard let service else { return }
        fleet.onLoop { fleet.clients[0]?.write(PubSubRequest.create(Self.node, at: service)) }
        guard fleet.wait(seconds: timeout, until: { _ in self.answers == 1 }) else { fail("no node was made") }
        let count = fleet.onLoop { fleet.clients.count }
        for index in 1..<count {
            fleet.onLoop {
                guard let client = fleet.clients[index] else { return }
                client.write(
                    PubSubRequest.subscribe(fleet.target.bareJID(of: client.user), to: Self.node, at: service))
            }
            _ = fleet.wait(seconds: timeout) { _ in index - self.answers < 50 }
        }
        guard fleet.wait(seconds: timeout, until: { _ in self.answers == count }) else { fail("not all subscribed") }
    }

    func fire(due: UInt64) { fan.fire(due: due) }
    func prime() { fan.prime() }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("iq"), stanza.attribute("id", is: "publish"), stanza.attribute("type", is: "error") {
            run.tally.errors += 1
            return run.fleet.complain(stanza.excerpt)
        }
        if stanza.isNamed("iq"), stanza.attribute("id", is: "prepare") {
            answers += 1
            if stanza.attribute("type", is: "error"), !stanza.contains("<conflict") {
                run.fleet.complain(stanza.excerpt)
            }
            return
        }
        guard !circle.received(stanza, by: client), fan.arrived(stanza, at: client) else { return }
        fan.prime()
    }
}
