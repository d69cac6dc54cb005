import NIOCore
import Synchronization
import XMPP

/// Takes stanzas on its own event loop.
public protocol StanzaRecipient: AnyObject, Sendable {
    /// Called on the recipient's loop.
    func deliver(_ stanza: OutgoingStanza)
}

/// Shared by the connections of one event loop: the list of those with unwritten output, and the mailbox for stanzas
/// from other loops.
///
/// Output is flushed once per tick, however many stanzas were appended. Stanzas for another loop are collected during
/// the tick and handed over as one batch. A read after a pause is taken to be the tick's only one, and its output is
/// flushed directly after it. If reads lead to writes on many connections, the flush waits for half the time that these
/// take, as more output for the same connections often follows. It writes to some connections at a time; in between the
/// loop reads from others, and answers them at once. Everything but `post` is called on the loop.
public final class LoopContext: @unchecked Sendable {
    struct Delivery: Sendable {
        let recipient: any StanzaRecipient
        let stanza: OutgoingStanza
    }

    private struct Mailbox {
        var deliveries: [Delivery] = []
        var isDrainScheduled = false
    }

    public let eventLoop: any EventLoop
    private var dirty: [StreamConnection] = []
    /// Written buffers for reuse.
    private var spareBuffers: [ByteBuffer] = []
    private var spareBytes = 0
    private var outgoing: [(target: LoopContext, deliveries: [Delivery])] = []
    /// Whether a flush is scheduled or in progress.
    private var isFlushScheduled = false
    /// Whether a flush goes on after a break.
    private var isInterrupted = false
    /// The time of the last fan-out write, in nanoseconds.
    private var writeTime: Int64 = 3_000
    /// The number of reads since the last flush.
    private var readCount = 0
    /// The time of the last read on any stream.
    private var lastRead = NIODeadline.uptimeNanoseconds(0)
    /// All open streams of this loop.
    private(set) var streams: [ObjectIdentifier: StreamConnection] = [:]
    private var timers = TimerQueue()
    /// The time of the earliest timer.
    private var nextLook = NIODeadline.distantFuture
    private let mailbox = Mutex(Mailbox())

    public init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func added(_ stream: StreamConnection) { streams[ObjectIdentifier(stream)] = stream }
    func removed(_ stream: StreamConnection) { streams[ObjectIdentifier(stream)] = nil }

    /// Calls the stream's `timeCame` at that time.
    func look(at stream: StreamConnection, _ time: NIODeadline) {
        timers.add(ObjectIdentifier(stream), at: time)
        setTimer()
    }

    private func setTimer() {
        guard let next = timers.next, next < nextLook else { return }
        nextLook = next
        eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.look(timerOf: next) }
    }

    private func look(timerOf time: NIODeadline) {
        guard time == nextLook else { return }
        let now = eventLoop.now
        nextLook = .distantFuture
        while let due = timers.take(dueAt: now) { streams[due.stream]?.timeCame(due.time, now: now) }
        setTimer()
    }

    /// After such a pause, a read is most likely the only one of its tick.
    private static let rest = TimeAmount.microseconds(50)

    /// Runs `body`, which handles a read.
    func handleRead(at now: NIODeadline, _ body: () -> Void) {
        let isAlone = now - lastRead > Self.rest && !isFlushScheduled
        lastRead = now
        readCount += 1
        guard !isInterrupted else { return handleReadInBreak(body) }
        guard isAlone else { return body() }
        // Scheduling a flush would cost a good part of handling the stanza.
        isFlushScheduled = true
        body()
        flush()
    }

    /// Whoever is read from while many are written to does not wait for those.
    private func handleReadInBreak(_ body: () -> Void) {
        let count = dirty.count
        body()
        guard dirty.count - count <= Self.fanOut else { return }
        let few = dirty[count...]
        dirty.removeSubrange(count...)
        for handler in few { handler.flush() }
    }

    /// Has the handler's output written at the end of this tick.
    func markDirty(_ handler: StreamConnection) {
        dirty.append(handler)
        scheduleFlush()
    }

    private static let maximumSpareBytes = 128 * 1_024
    private static let maximumBufferBytes = 2_048

    /// An empty buffer to write to.
    func takeBuffer() -> ByteBuffer {
        guard var buffer = spareBuffers.popLast() else { return ByteBuffer() }
        spareBytes -= buffer.storageCapacity
        // If its bytes are still used elsewhere, this makes another one.
        buffer.clear()
        return buffer
    }

    /// Takes back a buffer whose bytes were handed to the channel.
    func giveBack(_ buffer: consuming ByteBuffer) {
        let size = buffer.storageCapacity
        guard size <= Self.maximumBufferBytes, spareBytes + size <= Self.maximumSpareBytes else { return }
        spareBytes += size
        spareBuffers.append(buffer)
    }

    /// Sends a stanza to a recipient on another loop at the end of this tick. The order per sender is kept.
    public func send(_ stanza: OutgoingStanza, to recipient: any StanzaRecipient, on target: LoopContext) {
        eventLoop.assertInEventLoop()
        let delivery = Delivery(recipient: recipient, stanza: stanza)
        if let index = outgoing.firstIndex(where: { $0.target === target }) {
            outgoing[index].deliveries.append(delivery)
        } else {
            outgoing.append((target, [delivery]))
        }
        scheduleFlush()
    }

    /// Sends a stanza to a recipient of this loop, from any thread.
    public func post(_ stanza: OutgoingStanza, to recipient: any StanzaRecipient) {
        post([Delivery(recipient: recipient, stanza: stanza)])
    }

    private func post(_ deliveries: [Delivery]) {
        let mustSchedule = mailbox.withLock { mailbox in
            mailbox.deliveries.append(contentsOf: deliveries)
            defer { mailbox.isDrainScheduled = true }
            return !mailbox.isDrainScheduled
        }
        if mustSchedule {
            eventLoop.execute { self.drain() }
        }
    }

    private func drain() {
        let deliveries = mailbox.withLock { mailbox in
            mailbox.isDrainScheduled = false
            return exchange(&mailbox.deliveries, with: [])
        }
        for delivery in deliveries {
            delivery.recipient.deliver(delivery.stanza)
        }
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.execute { self.flush() }
    }

    /// The number of streams to write per read from which waiting is worthwhile.
    private static let fanOut = 32
    private static let maximumDelay = TimeAmount.milliseconds(1)
    /// The number of streams that are written to in one go: so long the loop does nothing else.
    private static let maximumWrites = 256
    /// The loop looks at its sockets only when no task is due.
    private static let writeBreak = TimeAmount.microseconds(10)

    private func flush() {
        guard dirty.count >= Self.fanOut * max(readCount, 1) else { return write() }
        let delay = TimeAmount.nanoseconds(writeTime * Int64(dirty.count) / 2)
        eventLoop.assumeIsolated().scheduleTask(in: min(delay, Self.maximumDelay)) {
            // No fewer than when the wait began: only this removes them.
            let count = min(self.dirty.count, Self.maximumWrites)
            let begin = NIODeadline.now()
            self.write()
            self.writeTime = (NIODeadline.now() - begin).nanoseconds / Int64(count)
        }
    }

    private func write() {
        readCount = 0
        // A write that finds its connection broken delivers the peer's last input. Output caused by that stays on the
        // list for the next flush.
        let count = min(dirty.count, Self.maximumWrites)
        let isAll = count == dirty.count
        isInterrupted = false
        for index in 0..<count { dirty[index].flush() }
        if count == dirty.count { dirty.removeAll(keepingCapacity: true) } else { dirty.removeFirst(count) }
        if !outgoing.isEmpty {
            for batch in exchange(&outgoing, with: []) { batch.target.post(batch.deliveries) }
        }
        guard isAll else {
            isInterrupted = true
            eventLoop.assumeIsolated().scheduleTask(in: Self.writeBreak) { self.write() }
            return
        }
        isFlushScheduled = false
        if !dirty.isEmpty { scheduleFlush() }
    }
}

extension LoopContext {
    /// The repetitions in one turn of the loop.
    private static let repetitions = 100

    /// Calls `body` until it returns false. In between the loop does its other work, and hands over what was sent. On the
    /// loop.
    public func `repeat`(_ body: @escaping () -> Bool) {
        for _ in 0..<Self.repetitions {
            guard body() else { return }
        }
        eventLoop.assumeIsolated().execute { self.repeat(body) }
    }

    /// Stops reading from all streams of this loop before they are shut down. From any thread.
    public func pauseInput() {
        eventLoop.execute { [self] in
            for stream in streams.values { stream.pause(.shutDown) }
        }
    }

    /// Ends every stream of this loop with `<system-shutdown/>`, and waits until the connections are closed or their
    /// time is over.
    public func shutDown() async {
        try? await eventLoop.flatSubmit { [self] in
            let futures = streams.values.compactMap { $0.channel?.closeFuture }
            for stream in streams.values { stream.close(.systemShutdown) }
            return EventLoopFuture.andAllComplete(futures, on: eventLoop)
        }.get()
    }
}
