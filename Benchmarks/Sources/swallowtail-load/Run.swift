import Glibc
import Histogram
import NIOCore

/// A work whose sends are paced by ``Run``.
protocol PacedWork: Work {
    /// Sends one, for the open loop; it was due at `due`.
    func fire(due: UInt64)
    /// Fills the windows of the closed loop; the work keeps them full from then on.
    func prime()
}

/// One run against one server: the clients, what is counted, and the phases. The main thread leads it.
final class Run: @unchecked Sendable {
    let fleet: Fleet
    let marker = Marker()
    let options: RunOptions
    /// On the loop.
    var tally = Tally(flows: 0)

    private let firstUser: Int
    private let server: ServerProcess?
    private let memoryBefore: ServerProcess.Memory?
    private var pace: PaceOptions?
    private var isStopped = false
    private var pacer: (start: UInt64, fired: Int) = (0, 0)
    private var progress: RepeatedTask?
    private var lastShown = 0

    init(_ target: Target, _ options: RunOptions, firstUser: Int, registers: Bool = false) throws {
        self.options = options
        self.firstUser = firstUser
        fleet = try Fleet(target: target, registers: registers)
        let identifiers = options.serverPid.split(separator: ",").compactMap { Int($0) }
        server = identifiers.isEmpty ? nil : ServerProcess(identifiers: identifiers)
        memoryBefore = server?.memory
    }

    // MARK: Phases

    /// Signs in `count` clients, those that rest beside them, and lets everything settle.
    func signIn(_ count: Int) {
        let all = count + options.beside
        guard all <= connectionLimit() else {
            fail("\(all) connections are more than this process may have; see ulimit -n")
        }
        fleet.signIn(0..<count, firstUser: firstUser, concurrency: options.concurrency, timeout: options.timeout)
        if options.beside > 0 {
            fleet.signIn(
                count..<all, firstUser: firstUser + count, concurrency: options.concurrency, timeout: options.timeout)
        }
        rest(options.settle)
    }

    func rest(_ seconds: Double) {
        usleep(UInt32(max(0, seconds) * 1e6))
    }

    /// What the counters stood at when a phase began or ended.
    struct Reading {
        let time = uptime()
        let received: Int
        let server: Double
        let client = ServerProcess.own
        let machine = ServerProcess.machine
    }

    func reading() -> Reading {
        // The server first: reading /proc takes a while.
        let cpu = server?.cpu ?? 0
        return Reading(received: fleet.onLoop { self.tally.received }, server: cpu)
    }

    /// Runs a paced work: warm-up, the measured phase, and the wait for what is still under way.
    ///
    /// - Parameter fan: how many times each that is sent arrives.
    func measure(_ name: String, _ work: any PacedWork, _ pace: PaceOptions, fan: Int = 1) -> Outcome {
        nonisolated(unsafe) let work = work
        var begin = reading()
        fleet.onLoop {
            self.pace = pace
            self.showProgress(name)
            if pace.rate == nil {
                work.prime()
            } else {
                self.pacer = (uptime(), 0)
                self.keepPace(work)
            }
        }
        if pace.count == nil {
            rest(options.warmUp)
            begin = reading()
            fleet.onLoop { self.tally.forgetLatencies() }
            rest(options.duration)
        } else {
            _ = fleet.wait(seconds: options.duration) { _ in self.isDone && self.tally.received >= self.tally.sent * fan
            }
        }
        let end = reading()
        fleet.onLoop { self.isStopped = true }
        drain(fan)
        return outcome(name, from: begin, to: end, operations: end.received - begin.received, pace: pace, fan: fan)
    }

    /// Whether a work may send another.
    var maySend: Bool { !isStopped && !isDone }
    /// Whether what has come is to be followed by the next.
    var isClosedLoop: Bool { pace.map { $0.rate == nil } ?? false }
    /// How many are under way for each sender of a closed loop.
    var window: Int { pace?.window ?? 1 }
    private var isDone: Bool { pace?.count.map { tally.sent >= $0 } ?? false }

    /// How long before a send the loop stops sleeping. A timer wakes a process late, by what the processor takes to come
    /// back; that would be told as the server's latency.
    private static let wakesEarly: UInt64 = 100_000

    /// Sends what is due, and comes back when the next is.
    private func keepPace(_ work: any PacedWork) {
        guard let rate = pace?.rate, maySend else { return }
        func due(_ index: Int) -> UInt64 { pacer.start + UInt64(Double(index) * 1e9 / rate) }
        var now = uptime()
        while now < due(pacer.fired) { now = uptime() }
        while due(pacer.fired) <= now, maySend {
            work.fire(due: due(pacer.fired))
            pacer.fired += 1
        }
        nonisolated(unsafe) let work = work
        // The other half of the time is for reading.
        let early = min(Self.wakesEarly, UInt64(5e8 / rate))
        fleet.loop.scheduleTask(deadline: .uptimeNanoseconds(due(pacer.fired) - early)) { self.keepPace(work) }
    }

    /// Waits until all has come, or nothing comes any more.
    func drain(_ fan: Int) {
        var last = (received: -1, at: uptime())
        let end = uptime() + 20_000_000_000
        while uptime() < end {
            let (received, sent) = fleet.onLoop { (self.tally.received, self.tally.sent) }
            if received >= sent * fan { return }
            if received != last.received { last = (received, uptime()) }
            if uptime() - last.at > 5_000_000_000 { return }
            usleep(5_000)
        }
    }

    // MARK: What comes of it

    func outcome(
        _ name: String, from begin: Reading, to end: Reading, operations: Int, pace: PaceOptions? = nil, fan: Int = 1,
        lost: Int? = nil
    ) -> Outcome {
        fleet.onLoop {
            self.progress?.cancel()
            self.progress = nil
        }
        endProgressLine()
        let seconds = max(1e-9, Double(end.time - begin.time) / 1e9)
        let (tally, connections, dropped) = fleet.onLoop {
            (self.tally, self.fleet.clients.count, self.fleet.lostCount)
        }
        let histogram = tally.latency
        func percentile(_ value: Double) -> Double { Double(histogram.valueAtPercentile(value)) / 1e3 }
        var outcome = Outcome(
            work: name, label: options.label, transport: fleet.target.transport.rawValue,
            mechanism: fleet.target.mechanism.rawValue, connections: connections,
            window: pace.flatMap { $0.rate == nil ? $0.window : nil }, offered: pace?.rate,
            operations: operations, seconds: seconds, perSecond: Double(operations) / seconds, sent: tally.sent,
            lost: lost ?? max(0, tally.sent * fan - tally.received), duplicated: tally.duplicated,
            reordered: tally.reordered, errors: tally.errors, stale: tally.stale, dropped: dropped,
            latency: Outcome.Latency(), clientCPU: end.client - begin.client, otherCores: 0)
        if histogram.totalCount > 0 {
            outcome.latency = Outcome.Latency(
                mean: histogram.mean / 1e3, p50: percentile(50), p90: percentile(90), p99: percentile(99),
                p999: percentile(99.9), max: Double(histogram.max) / 1e3)
        }
        let cpu = end.server - begin.server
        if server != nil {
            outcome.serverCPU = cpu
            outcome.serverCPUPerOperation = operations > 0 ? cpu * 1e6 / Double(operations) : 0
        }
        outcome.otherCores = max(0, end.machine - begin.machine - outcome.clientCPU - cpu) / seconds
        if let before = memoryBefore, let after = server?.memory {
            let each = Double(max(1, connections))
            outcome.memory = Outcome.Memory(
                rssBefore: before.rss, rssAfter: after.rss, pssBefore: before.pss, pssAfter: after.pss,
                rssPerConnection: Double(after.rss - before.rss) / each,
                pssPerConnection: Double(after.pss - before.pss) / each)
        }
        return outcome
    }

    /// Closes the connections and tells what came of it.
    func finish(_ outcomes: [Outcome]) {
        for outcome in outcomes { outcome.printed(asJSON: options.json) }
        fleet.close()
        if outcomes.contains(where: { !$0.isSound }) { fail("something was lost, doubled, out of order or refused") }
    }

    // MARK: Progress

    private var showsProgress: Bool { !options.quiet && isatty(STDERR_FILENO) == 1 }

    /// Rewrites a line on the terminal once a second. To be called on the loop.
    func showProgress(_ name: String) {
        guard showsProgress else { return }
        let start = uptime()
        lastShown = 0
        progress = fleet.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
            let received = tally.received
            let seconds = (uptime() - start) / 1_000_000_000
            writeError("\r\(name)  \(seconds) s  \(received - lastShown) a second  \(received) in all\u{1B}[K")
            lastShown = received
        }
    }

    private func endProgressLine() {
        if showsProgress { writeError("\r\u{1B}[K") }
    }
}
