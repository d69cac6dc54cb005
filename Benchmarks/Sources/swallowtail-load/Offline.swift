import ArgumentParser
import NIOCore

/// Messages to those who are away, and what happens when they come.
struct Offline: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Messages stored for accounts that are away, then delivered to them.",
        discussion: """
            An operation is a message stored, in the first figure, and one delivered, sign-in included, in the second. \
            A sender waits for the answer to a ping behind each window of messages.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Pairs of a sender and an account that is away.") var pairs = 50
    @Option(help: "Messages for each account.") var count = 100
    @Option(help: "Messages before a sender waits.") var window = 10
    @Option(help: "Bytes of a message's body.") var body = 100

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = OfflineWork(run, pairs: pairs, count: count, window: window, body: body, firstUser: target.first)
        run.fleet.work = work
        run.tally = Tally(flows: pairs * 2)
        // The senders are the even ones; those who are away come later.
        run.signIn(pairs)

        run.fleet.onLoop { run.showProgress("offline: store") }
        let begin = run.reading()
        run.fleet.onLoop { work.start() }
        let isStored = run.fleet.wait(seconds: options.timeout) { _ in work.doneCount == pairs || run.tally.errors > 0 }
        let end = run.reading()
        guard isStored else { fail("the messages were not stored within \(Int(options.timeout)) s") }
        let stored = run.outcome("offline-store", from: begin, to: end, operations: pairs * count, lost: 0)

        run.rest(1)
        run.fleet.onLoop {
            run.tally.forgetLatencies()
            run.showProgress("offline: deliver")
        }
        let arrival = run.reading()
        run.fleet.signIn(
            pairs..<(pairs * 2), firstUser: target.first + pairs, concurrency: options.concurrency,
            timeout: options.timeout)
        _ = run.fleet.wait(seconds: options.timeout) { _ in run.tally.received >= run.tally.sent }
        let all = run.reading()
        run.fleet.onLoop { run.tally.forgetLatencies() }
        run.finish([
            stored, run.outcome("offline-deliver", from: arrival, to: all, operations: all.received - arrival.received),
        ])
    }
}

final class OfflineWork: Work, @unchecked Sendable {
    private unowned let run: Run
    private let count: Int
    private let window: Int
    private let chat: ChatWork
    private let pairs: Int
    private var sent: [Int]
    private var askedAt: [UInt64]
    /// Senders all of whose messages are stored.
    private(set) var doneCount = 0

    init(_ run: Run, pairs: Int, count: Int, window: Int, body: Int, firstUser: Int) {
        self.run = run
        self.pairs = pairs
        self.count = count
        self.window = window
        sent = Array(repeating: 0, count: pairs)
        askedAt = sent.map { _ in 0 }
        chat = ChatWork(run, recipients: (0..<pairs).map { firstUser + pairs + $0 }, bodyLength: body)
    }

    func start() {
        for sender in 0..<pairs { sendNext(sender) }
    }

    private func sendNext(_ sender: Int) {
        guard sent[sender] < count else {
            doneCount += 1
            return
        }
        for _ in 0..<min(window, count - sent[sender]) {
            chat.send(sender, due: uptime())
            sent[sender] += 1
        }
        askedAt[sender] = uptime()
        run.fleet.clients[sender]?.write(
            "<iq type='get' id='fence' to='\(run.fleet.target.domain)'><ping xmlns='urn:xmpp:ping'/></iq>")
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("iq"), stanza.attribute("id", is: "fence") {
            run.tally.took(uptime() - askedAt[client.index])
            sendNext(client.index)
        } else {
            chat.received(stanza, by: client)
        }
    }
}
