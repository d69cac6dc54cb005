import ArgumentParser
import NIOCore

/// Requests that the server answers itself (XEP-0199).
struct Ping: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Pings to the server, each answered.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Clients.") var connections = 50

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = PingWork(run, clients: connections)
        run.fleet.work = work
        run.tally = Tally(flows: connections)
        run.signIn(connections)
        run.finish([run.measure("ping", work, pace)])
    }
}

final class PingWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let clients: Int
    private var nextToFire = 0

    init(_ run: Run, clients: Int) {
        self.run = run
        self.clients = clients
    }

    private func send(_ flow: Int, due: UInt64) {
        guard let client = run.fleet.clients[flow], client.isReady else { return }
        let number = run.tally.next(in: flow)
        client.write { buffer in
            buffer.writeStaticString("<iq type='get' id='")
            run.marker.write(Mark(flow: flow, number: number, due: due), to: &buffer)
            buffer.writeStaticString("' to='")
            buffer.writeString(run.fleet.target.domain)
            buffer.writeStaticString("'><ping xmlns='urn:xmpp:ping'/></iq>")
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
        guard let mark = run.marker.find(in: stanza) else { return client.answer(stanza) }
        if stanza.attribute("type", is: "error") { run.tally.errors += 1 }
        if run.tally.arrived(mark, at: uptime()), run.isClosedLoop, run.maySend { send(mark.flow, due: uptime()) }
    }
}
