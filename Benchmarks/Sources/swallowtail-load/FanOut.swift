import NIOCore

/// What the first clients send comes to many. Each pair of a sender and a receiver is a flow of its own, and gets every number.
final class FanOut {
    private unowned let run: Run
    private let senders: Int
    /// Clients by their places.
    private let receivers: ClosedRange<Int>
    private let write: (Mark, inout ByteBuffer) -> Void
    private var nextSender = 0

    /// - Parameter write: writes the stanza that bears a mark.
    init(
        _ run: Run, senders: Int = 1, receivers: ClosedRange<Int>,
        write: @escaping (Mark, inout ByteBuffer) -> Void
    ) {
        self.run = run
        self.senders = senders
        self.receivers = receivers
        self.write = write
        run.tally = Tally(flows: senders * receivers.count)
    }

    /// - Parameters:
    ///   - head: a stanza, up to where the mark stands.
    ///   - tail: what is behind it.
    convenience init(_ run: Run, senders: Int = 1, receivers: ClosedRange<Int>, head: String, tail: String) {
        let marker = run.marker
        self.init(run, senders: senders, receivers: receivers) { mark, buffer in
            buffer.writeString(head)
            marker.write(mark, to: &buffer)
            buffer.writeString(tail)
        }
    }

    /// Sends the next, from the sender whose turn it is.
    func fire(due: UInt64) {
        let sender = nextSender
        guard let client = run.fleet.clients[sender], client.isReady else { return }
        nextSender = (sender + 1) % senders
        var number = 0
        for receiver in 0..<receivers.count { number = run.tally.next(in: sender * receivers.count + receiver) }
        run.tally.sent -= receivers.count - 1
        client.write { write(Mark(flow: sender, number: number, due: due), &$0) }
    }

    /// Sends what the closed loop has room for.
    func prime() {
        while mustSend { fire(due: uptime()) }
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
    private var mustSend: Bool {
        run.isClosedLoop && run.maySend
            && run.tally.sent * receivers.count - run.tally.received <= (run.window * senders - 1) * receivers.count
    }
}
