import ArgumentParser
import NIOCore

/// Messages in both directions between pairs of clients, to bare JIDs.
struct Chat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Chat messages between pairs of clients.",
        discussion: "An operation is a message that has come. Large bodies are --body 65536, with --pairs 4 --window 2."
    )

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Pairs of clients; both of a pair send.") var pairs = 50
    @Option(help: "Bytes of a message's body.") var body = 100
    @Flag(help: "Speak lines with the forwarder `floor` in place of XMPP.") var lines = false

    func validate() throws {
        guard pairs > 0, body >= 64 else { throw ValidationError("--pairs is 1 or more, --body 64 or more") }
    }

    func run() throws {
        var target = try target.target()
        target.speaksLines = lines
        let run = try Run(target, options, firstUser: self.target.first)
        let work = ChatWork(run, clients: pairs * 2, bodyLength: body, firstUser: self.target.first)
        run.fleet.work = work
        run.tally = Tally(flows: pairs * 2)
        run.signIn(pairs * 2)
        run.finish([run.measure(body > 10_000 ? "large" : "chat", work, pace)])
    }
}

final class ChatWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let clients: Int
    private let bodyLength: Int
    private let padding: ByteBuffer
    private var nextToFire = 0
    /// What stands before the number in the stanza of each client.
    private let heads: [String]

    /// A work whose clients write to each other in pairs.
    convenience init(_ run: Run, clients: Int, bodyLength: Int, firstUser: Int) {
        self.init(run, recipients: (0..<clients).map { firstUser + ($0 ^ 1) }, bodyLength: bodyLength)
    }

    /// - Parameter recipients: the user that each client writes to.
    init(_ run: Run, recipients: [Int], bodyLength: Int) {
        self.run = run
        self.bodyLength = bodyLength
        clients = recipients.count
        padding = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodyLength)
        let target = run.fleet.target
        heads = recipients.map { "<message to='\(target.bareJID(of: $0))' type='chat' id='m" }
    }

    func ready(_ client: Client) {
        if run.fleet.target.speaksLines { client.write("PAIR \(client.index / 2)\n") }
    }

    /// The next message of a client's flow.
    func send(_ flow: Int, due: UInt64) {
        guard let client = run.fleet.clients[flow], client.isReady else { return }
        let number = run.tally.next(in: flow)
        client.write { buffer in
            buffer.writeString(heads[flow])
            buffer.writeHex(UInt64(flow))
            buffer.writeInteger(UInt8(ascii: "-"))
            buffer.writeHex(UInt64(number))
            buffer.writeStaticString("'><body>")
            let written = run.marker.write(Mark(flow: flow, number: number, due: due), to: &buffer)
            if let rest = padding.getSlice(at: 0, length: bodyLength - written) { buffer.writeImmutableBuffer(rest) }
            buffer.writeStaticString("</body></message>")
            if run.fleet.target.speaksLines { buffer.writeInteger(UInt8(ascii: "\n")) }
        }
    }

    func fire(due: UInt64) {
        send(nextToFire, due: due)
        nextToFire = (nextToFire + 1) % clients
    }

    func prime() {
        for _ in 0..<run.window {
            for flow in 0..<clients where run.maySend { send(flow, due: uptime()) }
        }
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        guard stanza.isNamed("message") else { return client.answer(stanza) }
        guard !stanza.attribute("type", is: "error") else {
            run.tally.errors += 1
            return run.fleet.complain(stanza.excerpt)
        }
        guard let mark = run.marker.find(in: stanza) else {
            run.tally.stale += 1
            return
        }
        // A message is whole, or it is a mistake of the server's that must not pass for work.
        if stanza.bytes.count < bodyLength { run.tally.errors += 1 }
        if run.tally.arrived(mark, at: uptime()), run.isClosedLoop, run.maySend { send(mark.flow, due: uptime()) }
    }
}

extension Client {
    /// Answers a request as every client must.
    func answer(_ stanza: ReceivedStanza) {
        guard stanza.isNamed("iq"), stanza.attribute("type", is: "get") || stanza.attribute("type", is: "set") else {
            return
        }
        let to = stanza.text(ofAttribute: "from").map { " to='\($0)'" } ?? ""
        let answer = fleet.capabilities.answer(to: stanza)
        write("<iq type='result' id='\(stanza.text(ofAttribute: "id") ?? "")'\(to)>\(answer)</iq>")
    }
}
