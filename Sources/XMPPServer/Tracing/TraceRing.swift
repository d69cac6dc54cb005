import Synchronization
import XML
import XMPP

/// The latest steps of messages received on one event loop, in a fixed amount of memory.
///
/// Entries are appended to one half of the memory; when it is full, to the other half, whose entries are dropped. An
/// entry consists of a few words and up to three texts, cut at 255 bytes.
public final class TraceRing: Sendable {
    /// Length, step, type of the message, time, number of the message.
    static let headSize = 2 + 1 + 1 + 8 + 8
    static let maximumTextSize = 255
    private static let maximumEntrySize = headSize + 3 * (1 + maximumTextSize)

    private struct State: ~Copyable {
        let memory: UnsafeMutableRawPointer
        let half: Int
        /// The beginning of the current half.
        var begin = 0
        /// The used bytes of the current half, and of the other one.
        var used = 0
        var usedBefore = 0
        /// The number of messages so far.
        var count: UInt64 = 0

        init(half: Int) {
            self.half = half
            // Pages that are never written take no memory.
            memory = .allocate(byteCount: 2 * half, alignment: 8)
        }

        deinit { memory.deallocate() }

        mutating func room() -> UnsafeMutableRawPointer {
            if used + TraceRing.maximumEntrySize > half {
                usedBefore = used
                begin = begin == 0 ? half : 0
                used = 0
            }
            return memory + begin + used
        }
    }

    private let state: Mutex<State>
    /// Distinguishes messages of different loops.
    private let index: UInt64

    /// The index of the ring that has given a message its number.
    static func index(of number: UInt64) -> Int { Int(number >> 40) }

    /// - Parameter byteCount: a minimum applies.
    init(byteCount: Int, index: Int) {
        state = Mutex(State(half: max(byteCount / 2, 2 * Self.maximumEntrySize)))
        self.index = UInt64(index) << 40
    }

    /// Records a message from a client, and numbers it.
    func began(_ stanza: Stanza, from: JID, to: JID?, at time: Timestamp) -> UInt64 {
        began(stanza.type ?? .unknown, from: from, to: to, at: time) { end in
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            return stanza.withID { bytes in
                bytes.withUnsafeBytes { Self.put(text: $0, at: end) }
            } ?? Self.put(text: none, at: end)
        }
    }

    /// Records a message of the server's own, and numbers it.
    func began(_ type: StanzaType, id: String, from: JID, to: JID, at time: Timestamp) -> UInt64 {
        began(type, from: from, to: to, at: time) { Self.put(text: id, at: $0) }
    }

    /// - Parameter putID: puts its id behind what is there, and returns the end.
    @inline(__always)
    private func began(
        _ type: StanzaType, from: JID, to: JID?, at time: Timestamp,
        _ putID: (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer
    ) -> UInt64 {
        state.withLock { state in
            state.count += 1
            let number = index | state.count
            let start = state.room()
            var end = putID(Self.put(.received, type, time, number, at: start))
            end = Self.put(text: from.string, at: end)
            end = Self.put(text: to?.string ?? "", at: end)
            Self.close(start, end, &state)
            return number
        }
    }

    /// Records a step of the message with that number.
    func record(_ moment: TraceStep, _ subject: String, _ detail: StaticString, of number: UInt64, at time: Timestamp) {
        state.withLock { state in
            let start = state.room()
            var end = Self.put(moment, .unknown, time, number, at: start)
            end = Self.put(text: subject, at: end)
            end = detail.withUTF8Buffer { Self.put(text: UnsafeRawBufferPointer($0), at: end) }
            end = Self.put(text: UnsafeRawBufferPointer(start: nil, count: 0), at: end)
            Self.close(start, end, &state)
        }
    }

    @inline(__always)
    private static func put(
        _ moment: TraceStep, _ type: StanzaType, _ time: Timestamp, _ number: UInt64,
        at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        start.storeBytes(of: moment.rawValue, toByteOffset: 2, as: UInt8.self)
        start.storeBytes(of: type.rawValue, toByteOffset: 3, as: UInt8.self)
        start.storeBytes(of: time.milliseconds, toByteOffset: 4, as: Int64.self)
        start.storeBytes(of: number, toByteOffset: 12, as: UInt64.self)
        return start + headSize
    }

    @inline(__always)
    private static func put(text: String, at end: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        text.utf8.span.bytes.withUnsafeBytes { put(text: $0, at: end) }
    }

    @inline(__always)
    private static func put(
        text: UnsafeRawBufferPointer, at end: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let count = min(text.count, maximumTextSize)
        end.storeBytes(of: UInt8(count), as: UInt8.self)
        if let source = text.baseAddress, count > 0 { (end + 1).copyMemory(from: source, byteCount: count) }
        return end + 1 + count
    }

    @inline(__always)
    private static func close(
        _ start: UnsafeMutableRawPointer, _ end: UnsafeMutableRawPointer, _ state: inout State
    ) {
        start.storeBytes(of: UInt16(end - start), as: UInt16.self)
        state.used += end - start
    }

    /// All entries, oldest first. `TraceEntry` parses them outside of the lock.
    var contents: [UInt8] {
        state.withLock { state in
            let other = state.begin == 0 ? state.half : 0
            let total = state.usedBefore + state.used
            return [UInt8](unsafeUninitializedCapacity: total) { bytes, count in
                let target = UnsafeMutableRawBufferPointer(bytes)
                if state.usedBefore > 0 {
                    target.baseAddress?.copyMemory(from: state.memory + other, byteCount: state.usedBefore)
                }
                if state.used > 0 {
                    (target.baseAddress.map { $0 + state.usedBefore })?.copyMemory(
                        from: state.memory + state.begin, byteCount: state.used)
                }
                count = total
            }
        }
    }
}
