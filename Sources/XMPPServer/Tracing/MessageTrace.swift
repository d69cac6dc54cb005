import Synchronization
import XMPP
import XMPPStream

/// What happened to recent messages, for administrators: where each went, and why. No bodies.
///
/// Each event loop has a ring of its own; a reader merges them.
public final class MessageTrace: Sendable {
    /// The trace of one message.
    public struct Message: Sendable {
        /// The attribute `id`; empty: none. Long texts are cut, here and below.
        public let id: String
        public let type: StanzaType
        public let from: String
        /// Empty: none.
        public let to: String
        public let receivedAt: Timestamp
        /// The steps, in order.
        public let steps: [Step]
    }

    /// One step of a message.
    public struct Step: Sendable {
        public let moment: TraceStep
        public let time: Timestamp
        /// See `TraceStep`; may be empty.
        public let subject: String
        /// The reason; may be empty.
        public let detail: String
    }

    private let bytesPerLoop: Int
    /// In the order of their numbers, and by their loops.
    private let rings = Mutex<(all: [TraceRing], byLoop: [ObjectIdentifier: TraceRing])>(([], [:]))

    /// - Parameters:
    ///   - byteCount: for all loops together; 0: no trace.
    init(byteCount: Int, loops: Int) {
        bytesPerLoop = byteCount / max(1, loops)
    }

    /// The ring of a loop; nil: there is no trace.
    func ring(of loop: LoopContext) -> TraceRing? {
        guard bytesPerLoop > 0 else { return nil }
        return rings.withLock { rings in
            if let ring = rings.byLoop[ObjectIdentifier(loop)] { return ring }
            let ring = TraceRing(byteCount: bytesPerLoop, index: rings.all.count)
            rings.all.append(ring)
            rings.byLoop[ObjectIdentifier(loop)] = ring
            return ring
        }
    }

    /// Records a step of the message with that number; 0: no message. The texts are as in `TraceStep`.
    func record(_ moment: TraceStep, _ subject: String, of number: UInt64, at time: Timestamp) {
        guard number != 0 else { return }
        rings.withLock { $0.all[TraceRing.index(of: number)] }.record(moment, subject, "", of: number, at: time)
    }

    /// Records that somebody has published something, and that others were told of it.
    ///
    /// - Parameters:
    ///   - id: that of the notification.
    ///   - publisher: who has published it.
    ///   - home: the address whose node it is.
    ///   - subject: the node, and how many were told. Cut at 255 bytes.
    ///   - loop: the loop whose memory it takes.
    public func record(
        notification id: String, by publisher: JID, at home: JID, _ subject: String, on loop: LoopContext,
        _ time: Timestamp
    ) {
        guard let ring = ring(of: loop) else { return }
        let number = ring.began(.headline, id: id, from: publisher, to: home, at: time)
        ring.record(.notified, subject, "", of: number, at: time)
    }

    /// The selected messages, oldest first.
    ///
    /// - Parameter limit: the maximum number; the newest are taken.
    public func messages(newest limit: Int, where isMeant: (Message) -> Bool) -> [Message] {
        let rings = rings.withLock { $0.all }
        var found: [Message] = []
        for ring in rings {
            let entries = TraceEntry.all(in: ring.contents)
            var steps: [UInt64: [Step]] = [:]
            for entry in entries where entry.moment != .received && entry.texts.count >= 2 {
                steps[entry.number, default: []].append(
                    Step(moment: entry.moment, time: entry.time, subject: entry.texts[0], detail: entry.texts[1]))
            }
            for entry in entries where entry.moment == .received && entry.texts.count >= 3 {
                let message = Message(
                    id: entry.texts[0], type: entry.type, from: entry.texts[1], to: entry.texts[2],
                    receivedAt: entry.time, steps: steps[entry.number] ?? [])
                if isMeant(message) { found.append(message) }
            }
        }
        return Array(found.sorted { $0.receivedAt < $1.receivedAt }.suffix(limit))
    }
}

/// A message's place in the trace, for recording later steps from any thread.
public struct TracePoint: Sendable {
    let ring: TraceRing
    let number: UInt64
    let now: @Sendable () -> Timestamp

    /// Records a step; for the texts see `TraceStep`.
    public func record(_ moment: TraceStep, _ subject: String = "", _ detail: StaticString = "") {
        ring.record(moment, subject, detail, of: number, at: now())
    }
}
