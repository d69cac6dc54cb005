import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// What a work does with what comes. Called on the fleet's loop.
protocol Work: AnyObject {
    /// A stanza has come; before the client is ready, those that sign-in did not ask for are among them.
    func received(_ stanza: ReceivedStanza, by client: Client)
    func ready(_ client: Client)
    func ended(_ client: Client)
}

extension Work {
    func ready(_ client: Client) {}
    func ended(_ client: Client) {}
}

/// All clients, on one event loop: the generator shares its machine with the server, and is to take little of it.
final class Fleet: @unchecked Sendable {
    let target: Target
    let loop: any EventLoop
    /// Accounts are made, not signed in to.
    let registers: Bool
    let saltedPasswords = SCRAMClient.Cache()
    var capabilities = Capabilities()
    var work: (any Work)?

    private(set) var clients: [Client?] = []
    private(set) var openCount = 0
    private(set) var readyCount = 0
    /// Connections that ended unasked.
    private(set) var lostCount = 0
    /// Those of them that were not signed in yet.
    private(set) var failedCount = 0

    private let bootstrap: ClientBootstrap
    private let address: SocketAddress
    private let tls: NIOSSLContext?
    private var dirty: [Client] = []
    private var isFlushScheduled = false
    private var complaints = 0
    private var nextSource = 0
    /// Those that are to be connected next, at most `concurrency` at a time.
    private var queue: (next: Int, end: Int, firstUser: Int) = (0, 0, 0)
    private var concurrency = 0

    private static let shownComplaints = 5

    init(target: Target, registers: Bool = false) throws {
        self.target = target
        self.registers = registers
        raiseDescriptorLimit()
        loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        address = try SocketAddress(ipAddress: target.host, port: target.port)
        bootstrap = ClientBootstrap(group: loop)
            .channelOption(.maxMessagesPerRead, value: 1)
            .connectTimeout(.seconds(60))
        if target.transport == .plain {
            tls = nil
        } else {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            tls = try NIOSSLContext(configuration: configuration)
        }
    }

    // MARK: Clients

    /// Makes room for clients and connects none.
    func reserve(_ count: Int) {
        while clients.count < count { clients.append(nil) }
    }

    /// Connects client `index` as `user`. It is ready later, or complains.
    func connect(_ index: Int, as user: Int) {
        reserve(index + 1)
        openCount += 1
        let client = Client(fleet: self, index: index, user: user)
        clients[index] = client
        var bootstrap = bootstrap
        if target.sources > 1, let source = try? SocketAddress(ipAddress: "127.0.0.\(2 + nextSource)", port: 0) {
            nextSource = (nextSource + 1) % target.sources
            bootstrap = bootstrap.bind(to: source)
        }
        bootstrap
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if target.transport == .direct, let handler = try makeTLSHandler() {
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(client)
                }
            }
            .connect(to: address)
            .whenFailure { [self] error in
                guard client.state != .closed else { return }
                client.state = .closed
                complain("cannot connect to \(target.host) port \(target.port): \(error)")
                ended(client, wasReady: false, wasExpected: false)
            }
    }

    /// Connects clients from `range`, the first as `firstUser`, at most `concurrency` at a time.
    func connect(_ range: Range<Int>, firstUser: Int, concurrency: Int) {
        reserve(range.upperBound)
        queue = (range.lowerBound, range.upperBound, firstUser - range.lowerBound)
        self.concurrency = concurrency
        connectNext()
    }

    private func connectNext() {
        while queue.next < queue.end, openCount - readyCount < concurrency {
            let index = queue.next
            queue.next += 1
            connect(index, as: queue.firstUser + index)
        }
    }

    func makeTLSHandler() throws -> NIOSSLClientHandler? {
        try tls.map { try NIOSSLClientHandler(context: $0, serverHostname: target.domain) }
    }

    func becameReady(_ client: Client) {
        readyCount += 1
        work?.ready(client)
        connectNext()
    }

    func noLongerReady() {
        readyCount -= 1
    }

    func ended(_ client: Client, wasReady: Bool, wasExpected: Bool) {
        openCount -= 1
        if wasReady { readyCount -= 1 }
        if !wasExpected {
            lostCount += 1
            if !wasReady { failedCount += 1 }
        }
        work?.ended(client)
        connectNext()
    }

    /// Tells on standard error what went wrong, but not without end.
    func complain(_ text: String) {
        complaints += 1
        if complaints <= Self.shownComplaints { note(text) }
    }

    // MARK: Output

    @inline(__always)
    func markDirty(_ client: Client) {
        dirty.append(client)
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.execute { self.flush() }
    }

    /// Writes what all clients have: once in a tick of the loop, so that what came together is answered together.
    private func flush() {
        isFlushScheduled = false
        var clients = dirty
        dirty = []
        for client in clients { client.flush() }
        if dirty.isEmpty {
            clients.removeAll(keepingCapacity: true)
            dirty = clients
        }
    }

    /// Closes all streams, and drops connections that are not closed in time.
    func close() {
        onLoop {
            self.work = nil
            self.queue.end = self.queue.next
            for client in self.clients { client?.close() }
        }
        if !wait(seconds: 5, until: { $0.openCount == 0 }) {
            onLoop { for client in self.clients { client?.end() } }
        }
    }

    // MARK: From the main thread

    /// Runs `body` on the loop and waits for it.
    @discardableResult
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        do {
            return try loop.submit(body).wait()
        } catch {
            fail("the event loop has ended: \(error)")
        }
    }

    /// Waits until the condition holds on the loop.
    ///
    /// - Returns: false if it did not in that time.
    func wait(seconds: Double, until condition: @escaping @Sendable (Fleet) -> Bool) -> Bool {
        let end = uptime() + UInt64(seconds * 1e9)
        while true {
            if onLoop({ condition(self) }) { return true }
            if uptime() >= end { return false }
            usleep(2_000)
        }
    }

    /// Signs clients in and waits until all are. Whoever does not get in ends the run.
    func signIn(_ range: Range<Int>, firstUser: Int, concurrency: Int, timeout: Double) {
        let wanted = onLoop {
            self.connect(range, firstUser: firstUser, concurrency: concurrency)
            return self.clients.prefix(range.lowerBound).count { $0?.isReady == true } + range.count
        }
        let isDone = wait(seconds: timeout) { $0.readyCount >= wanted || $0.failedCount > 0 }
        let (ready, failed) = onLoop { (self.readyCount, self.failedCount) }
        if failed > 0 { fail("a client could not sign in") }
        if !isDone { fail("only \(ready) of \(wanted) clients are signed in after \(Int(timeout)) s") }
    }
}

/// Each connection takes a descriptor.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// How many connections this process may have.
func connectionLimit() -> Int {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(min(limit.rlim_max, 10_000_000)) - 50
}

/// A line on standard error, for people.
func note(_ text: String) {
    writeError("swallowtail-load: \(text)\n")
}

/// Standard error as it is: the C library's variable is not safe to share.
func writeError(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// Ends the program: without this it cannot go on.
func fail(_ text: String) -> Never {
    note(text)
    exit(1)
}
