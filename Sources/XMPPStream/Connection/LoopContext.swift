import NIOCore
import Synchronization
import XMPP

/// Takes stanzas on its own event loop: a session, whatever stands behind it.
public protocol StanzaRecipient: AnyObject, Sendable {
    /// Called on the recipient's loop with one complete stanza.
    func deliver(_ stanza: ByteBuffer)
}

/// What one event loop's connections share: the list of those with unwritten output, and the mailbox for stanzas that
/// come from other loops.
///
/// Output is flushed once per tick of the loop, however many stanzas were appended in it; what goes to another loop is
/// collected during the tick and handed over as one batch. A read that comes after a rest is taken to be the tick's only
/// one, and what it leads to is flushed behind it. Where a read leads to writes on many connections, half the time that they
/// take is waited first, as what comes meanwhile often goes to the same ones. Everything but `post` is called on the loop.
public final class LoopContext: @unchecked Sendable {
    struct Delivery: Sendable {
        let recipient: any StanzaRecipient
        let stanza: ByteBuffer
    }

    private struct Mailbox {
        var deliveries: [Delivery] = []
        var isDrainScheduled = false
    }

    public let eventLoop: any EventLoop
    private var dirty: [StreamConnection] = []
    /// Buffers whose bytes have been written, for what is written next.
    private var spareBuffers: [ByteBuffer] = []
    private var spareBytes = 0
    private var outgoing: [(target: LoopContext, deliveries: [Delivery])] = []
    /// Whether there will be a flush, or is one.
    private var isFlushScheduled = false
    /// What writing to each of many streams took last, in nanoseconds.
    private var writeTime: Int64 = 3_000
    /// Reads since the last flush.
    private var readCount = 0
    /// When some stream has been read last.
    private var lastRead = NIODeadline.uptimeNanoseconds(0)
    /// All open streams of this loop.
    private(set) var streams: [ObjectIdentifier: StreamConnection] = [:]
    private var timers = TimerQueue()
    /// When the timer is due that counts: the one that is due first.
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

    /// So long after a read the next one is most likely the only one of its tick.
    private static let rest = TimeAmount.microseconds(50)

    /// Runs `body`, which handles what a read has brought.
    func handleRead(at now: NIODeadline, _ body: () -> Void) {
        let isAlone = now - lastRead > Self.rest && !isFlushScheduled
        lastRead = now
        readCount += 1
        guard isAlone else { return body() }
        // Nobody else need schedule one: that would cost a good part of what the stanza does.
        isFlushScheduled = true
        body()
        flush()
    }

    /// Sees to it that the handler's output is written at the end of this tick.
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
        // If somebody still has bytes of it, this makes another one.
        buffer.clear()
        return buffer
    }

    /// Takes a buffer back whose bytes have been handed over to the channel.
    func giveBack(_ buffer: consuming ByteBuffer) {
        let size = buffer.storageCapacity
        guard size <= Self.maximumBufferBytes, spareBytes + size <= Self.maximumSpareBytes else { return }
        spareBytes += size
        spareBuffers.append(buffer)
    }

    /// Sends a stanza to a recipient of another loop at the end of this tick. Order per sender is kept.
    public func send(_ stanza: ByteBuffer, to recipient: any StanzaRecipient, on target: LoopContext) {
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
    public func post(_ stanza: ByteBuffer, to recipient: any StanzaRecipient) {
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

    /// Streams to write to for each read, from which on the writes take so long that waiting is worth it.
    private static let fanOut = 32
    private static let maximumDelay = TimeAmount.milliseconds(1)

    private func flush() {
        guard dirty.count >= Self.fanOut * max(readCount, 1) else { return write() }
        let delay = TimeAmount.nanoseconds(writeTime * Int64(dirty.count) / 2)
        eventLoop.assumeIsolated().scheduleTask(in: min(delay, Self.maximumDelay)) {
            // No fewer than when the wait began: only this takes them off the list.
            let count = self.dirty.count
            let begin = NIODeadline.now()
            self.write()
            self.writeTime = (NIODeadline.now() - begin).nanoseconds / Int64(count)
        }
    }

    private func write() {
        readCount = 0
        // A write that finds its connection broken brings what the peer has sent before. What that leads to stays on the
        // list, for the next flush.
        let count = dirty.count
        for index in 0..<count { dirty[index].flush() }
        if count == dirty.count { dirty.removeAll(keepingCapacity: true) } else { dirty.removeFirst(count) }
        if !outgoing.isEmpty {
            for batch in exchange(&outgoing, with: []) { batch.target.post(batch.deliveries) }
        }
        isFlushScheduled = false
        if !dirty.isEmpty { scheduleFlush() }
    }
}

extension LoopContext {
    /// Reads nothing more from any stream of this loop: they are about to be shut down. From any thread.
    public func pauseInput() {
        eventLoop.execute { [self] in
            for stream in streams.values { stream.pause(.shutDown) }
        }
    }

    /// Ends every stream of this loop with `<system-shutdown/>` and waits until the connections are closed, or have had
    /// their time.
    public func shutDown() async {
        try? await eventLoop.flatSubmit { [self] in
            let futures = streams.values.compactMap { $0.channel?.closeFuture }
            for stream in streams.values { stream.close(.systemShutdown) }
            return EventLoopFuture.andAllComplete(futures, on: eventLoop)
        }.get()
    }
}
