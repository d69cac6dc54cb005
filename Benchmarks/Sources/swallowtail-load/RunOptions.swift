import ArgumentParser

/// The options that say how long, what is looked at, and how it is told.
struct RunOptions: ParsableArguments {
    @Option(help: "Seconds of the measured phase.") var duration = 10.0
    @Option(help: "Seconds of work before it.") var warmUp = 1.0
    @Option(help: "Seconds of rest between sign-in and work.") var settle = 2.0
    @Option(help: "Seconds that signing in may take.") var timeout = 120.0
    @Option(help: "The process ids of the server, separated by commas; their descendants belong to them.")
    var serverPid = ""
    @Option(help: "Clients that may be signing in at the same time.") var concurrency = 32
    @Option(help: "Idle sessions beside the work, with the accounts behind those of the work.") var beside = 0
    @Option(help: "A text that is told with the figures.") var label: String?
    @Flag(help: "Print a line of JSON in place of a table.") var json = false
    @Flag(help: "No progress on standard error, even if that is a terminal.") var quiet = false
}

/// The options of works that go on for a time.
struct PaceOptions: ParsableArguments {
    @Option(help: "Closed loop: as many are under way for each sender; the next is sent when one has come.")
    var window = 4
    @Option(help: "Open loop: as many are due in a second, evenly, whatever has come.") var rate: Double?
    @Option(help: "Stop after as many, without a warm-up.") var count: Int?

    func validate() throws {
        guard (0.01...1_000_000).contains(rate ?? 1) else {
            throw ValidationError("--rate is between 0.01 and 1,000,000")
        }
        guard window > 0, count ?? 1 > 0 else {
            throw ValidationError("--window and --count are positive")
        }
    }
}
