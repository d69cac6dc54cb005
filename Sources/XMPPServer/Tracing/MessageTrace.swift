import Synchronization
import XMPP
import XMPPStream

/// What has become of messages lately, for administrators: where each went, and why. No bodies.
///
/// Each event loop has a ring of its own; the rings are read together when somebody asks.
public final class MessageTrace: Sendable {
    /// What has become of one message.
    public struct Message: Sendable {
        /// The attribute `id`; empty: it had none. Long ones are cut, as are all texts here.
        public let id: String
        public let type: StanzaType
        public let from: String
        /// Empty: it had no address.
        public let to: String
        public let receivedAt: Timestamp
        /// What happened, in order.
        public let steps: [Step]
    }

    /// One thing that has happened to a message.
    public struct Step: Sendable {
        public let moment: TraceStep
        public let time: Timestamp
        /// As `TraceStep` says; may be empty.
        public let subject: String
        /// Why; may be empty.
        public let detail: String
    }

    private let bytesPerLoop: Int
    private let rings = Mutex<[ObjectIdentifier: TraceRing]>([:])

    /// - Parameters:
    ///   - byteCount: for all loops together; 0: nothing is noted.
    init(byteCount: Int, loops: Int) {
        bytesPerLoop = byteCount / max(1, loops)
    }

    /// The ring of a loop; `nil`: nothing is noted.
    func ring(of loop: LoopContext) -> TraceRing? {
        guard bytesPerLoop > 0 else { return nil }
        return rings.withLock { rings in
            if let ring = rings[ObjectIdentifier(loop)] { return ring }
            let ring = TraceRing(byteCount: bytesPerLoop, index: rings.count)
            rings[ObjectIdentifier(loop)] = ring
            return ring
        }
    }

    /// What has become of the messages that are meant, the oldest first.
    ///
    /// - Parameter limit: the newest so many.
    public func messages(newest limit: Int, where isMeant: (Message) -> Bool) -> [Message] {
        let rings = rings.withLock { Array($0.values) }
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

/// One message's place in the trace, by which something can be noted later and from any thread.
public struct TracePoint: Sendable {
    let ring: TraceRing
    let number: UInt64
    let now: @Sendable () -> Timestamp

    /// Notes what has happened; the texts are as `TraceStep` says.
    public func record(_ moment: TraceStep, _ subject: String = "", _ detail: StaticString = "") {
        ring.record(moment, subject, detail, of: number, at: now())
    }
}
