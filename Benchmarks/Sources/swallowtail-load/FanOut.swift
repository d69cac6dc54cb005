import NIOCore

/// What the first clients send comes to many. Each pair of a sender and a receiver is a flow of its own, and gets every number.
final class FanOut {
    private unowned let run: Run
    private let senders: Int
    /// Clients by their places.
    private let receivers: ClosedRange<Int>
    private var nextSender = 0

    init(_ run: Run, senders: Int = 1, receivers: ClosedRange<Int>) {
        self.run = run
        self.senders = senders
        self.receivers = receivers
        run.tally = Tally(flows: senders * receivers.count)
    }

    /// Sends the next, from the sender whose turn it is.
    func send(due: UInt64, _ write: (Mark, inout ByteBuffer) -> Void) {
        let sender = nextSender
        guard let client = run.fleet.clients[sender], client.isReady else { return }
        nextSender = (sender + 1) % senders
        var number = 0
        for receiver in 0..<receivers.count { number = run.tally.next(in: sender * receivers.count + receiver) }
        run.tally.sent -= receivers.count - 1
        client.write { write(Mark(flow: sender, number: number, due: due), &$0) }
    }

    /// - Returns: whether the stanza is one of those that were sent.
    func arrived(_ stanza: ReceivedStanza, at client: Client) -> Bool {
        guard receivers.contains(client.index), var mark = run.marker.find(in: stanza), mark.flow < senders else {
            return false
        }
        mark.flow = mark.flow * receivers.count + client.index - receivers.lowerBound
        return run.tally.arrived(mark, at: uptime())
    }

    /// Whether the closed loop has room for another.
    var mustSend: Bool {
        run.isClosedLoop && run.maySend
            && run.tally.sent * receivers.count - run.tally.received <= (run.window * senders - 1) * receivers.count
    }
}
