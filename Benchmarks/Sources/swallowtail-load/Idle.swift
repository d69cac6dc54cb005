import ArgumentParser

/// Sessions that do nothing: what does one cost to have?
struct Idle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sessions that have read the roster, sent presence, and rest.",
        discussion: """
            Tells how long it took until all were in and what that cost; with --concurrency as large as --connections \
            that is the storm after a restart.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Clients.") var connections = 1000

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = IdleWork(run)
        run.fleet.work = work
        let before = run.reading()
        run.signIn(connections)
        let after = run.reading()
        if !options.quiet { note("\(connections) sessions") }
        let begin = run.reading()
        run.rest(options.duration)
        let end = run.reading()
        var outcome = run.outcome("idle", from: begin, to: end, operations: connections, lost: 0)
        let signIn = Double(after.time - before.time) / 1e9 - options.settle
        outcome.more["sign-in of all, s"] = signIn
        outcome.more["cores while idle"] = (end.server - begin.server) / outcome.seconds
        outcome.more["CPU of a sign-in, ms"] = (after.server - before.server) * 1e3 / Double(connections)
        run.finish([outcome])
    }
}

/// Answers what must be answered, and takes the time that each client took to get in.
final class IdleWork: Work, @unchecked Sendable {
    private unowned let run: Run

    init(_ run: Run) {
        self.run = run
    }

    func received(_ stanza: ReceivedStanza, by client: Client) { client.answer(stanza) }
    func ready(_ client: Client) { run.tally.took(uptime() - client.startedAt) }
}
