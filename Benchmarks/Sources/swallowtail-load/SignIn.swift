import ArgumentParser

/// From connecting to presence, and out again.
struct SignIn: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Clients that come and go.",
        discussion:
            "An operation is a connection from its beginning to its end: TLS, SASL, resource, roster, presence, "
            + "a ping, and the closed stream; with --notified also what was published last at these nodes of contacts.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Accounts to go through.") var users = 500
    @Option(help: "A node of contacts whose items clients want; may be given more than once.") var notified: [String] =
        []
    @Option(help: "As many of them must have come before a client goes.") var expected = 0

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = ComingAndGoing(run, firstUser: target.first, users: users, limit: nil, expected: expected)
        run.fleet.work = work
        run.fleet.capabilities = Capabilities(notified: notified)
        run.fleet.onLoop {
            run.showProgress("sign-in")
            work.start(concurrency: options.concurrency)
        }
        run.rest(options.warmUp)
        let begin = run.reading()
        run.fleet.onLoop { run.tally.forgetLatencies() }
        run.rest(options.duration)
        let end = run.reading()
        run.fleet.onLoop { work.stop() }
        _ = run.fleet.wait(seconds: 10) { $0.openCount == 0 }
        run.finish([run.outcome("sign-in", from: begin, to: end, operations: end.received - begin.received)])
    }
}

/// Makes accounts by in-band registration (XEP-0077).
struct Register: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make accounts by in-band registration. Those that there are already count as made.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Accounts to make.") var users = 100

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first, registers: true)
        let work = ComingAndGoing(run, firstUser: target.first, users: users, limit: users)
        run.fleet.work = work
        let begin = run.reading()
        run.fleet.onLoop {
            run.showProgress("register")
            work.start(concurrency: options.concurrency)
        }
        _ = run.fleet.wait(seconds: options.timeout) { _ in run.tally.received + run.tally.errors >= users }
        let end = run.reading()
        run.finish([run.outcome("register", from: begin, to: end, operations: end.received - begin.received)])
    }
}

/// A fixed number of connections at a time; when one ends the next begins.
final class ComingAndGoing: Work, @unchecked Sendable {
    private unowned let run: Run
    private let firstUser: Int
    private let users: Int
    private let limit: Int?
    /// Notifications that a client waits for.
    private let expected: Int
    private var notified: [Int] = []
    private var begun = 0
    private var isStopped = false

    init(_ run: Run, firstUser: Int, users: Int, limit: Int?, expected: Int = 0) {
        self.run = run
        self.firstUser = firstUser
        self.users = users
        self.limit = limit
        self.expected = expected
    }

    func start(concurrency: Int) {
        for index in 0..<concurrency { next(index) }
    }

    func stop() {
        isStopped = true
    }

    private func next(_ index: Int) {
        guard !isStopped, begun < limit ?? .max else { return }
        guard run.fleet.failedCount < 20 else { fail("too many clients could not sign in") }
        run.tally.sent += 1
        while notified.count <= index { notified.append(0) }
        notified[index] = 0
        run.fleet.connect(index, as: firstUser + begun % users)
        begun += 1
    }

    func ready(_ client: Client) {
        guard client.isReady, notified[client.index] >= expected else { return }
        finished(client)
        client.close()
    }

    private func finished(_ client: Client) {
        run.tally.received += 1
        run.tally.took(uptime() - client.startedAt)
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("message"), stanza.contains("pubsub#event") {
            notified[client.index] += 1
            return ready(client)
        }
        guard client.state == .registering else { return client.answer(stanza) }
        if stanza.attribute("type", is: "error"), !stanza.contains("<conflict") {
            run.tally.errors += 1
            run.fleet.complain(stanza.excerpt)
        } else {
            finished(client)
        }
    }

    func ended(_ client: Client) { next(client.index) }
}
