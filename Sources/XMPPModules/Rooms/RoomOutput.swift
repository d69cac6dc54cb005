import NIOCore
import XMPPServer

/// What a room sends, in the order in which it has happened. Used on the room's loop.
///
/// A message waits here until it is in the archive, and so does what comes behind it: what anybody has seen is kept. Much is
/// sent some at a time, so that the loop is not held. Hence `@unchecked Sendable`.
final class RoomOutput: @unchecked Sendable {
    /// One thing to be sent. Used on the room's loop alone; hence `@unchecked Sendable`.
    final class Entry: @unchecked Sendable {
        enum Content {
            case stanza(Stanza, from: JID, to: ArraySlice<JID>)
            /// Sends up to so many stanzas. Returns whether there is more.
            case steps((_ count: Int) -> Bool)
        }

        var content: Content
        /// Bytes, of a stanza.
        let size: Int
        var isReady: Bool
        /// Called when its turn has come, if it is not ready then.
        var prepare: (() -> Void)?

        init(_ content: Content, size: Int = 0, isReady: Bool = true, prepare: (() -> Void)? = nil) {
            self.content = content
            self.size = size
            self.isReady = isReady
            self.prepare = prepare
        }
    }

    /// Stanzas that are sent in one go: so long the loop does nothing else.
    static let slice = 1_000

    private static let capacity = 1_000
    private static let maximumBytes = 8 << 20

    private var entries: [Entry] = []
    /// The first of them that is not sent.
    private var first = 0
    /// Of all that is not sent.
    private var bytes = 0
    private var isSending = false
    /// What it waits for beside its first entry, such as an account that is read.
    private var pauses = 0

    var isEmpty: Bool { first == entries.count }
    /// Whether so much waits to be sent that nothing more is taken from people.
    var isFull: Bool { entries.count - first >= Self.capacity || bytes >= Self.maximumBytes }

    func append(_ entry: Entry) {
        entries.append(entry)
        bytes += entry.size
    }

    /// Takes out what is not to be sent after all.
    func drop(_ entry: Entry) {
        entry.content = .steps { _ in false }
        entry.isReady = true
    }

    func pause() { pauses += 1 }
    func resume() { pauses -= 1 }

    /// Sends what is ready.
    ///
    /// - Parameter send: sends a stanza.
    /// - Returns: whether to go on in a moment.
    func sendSome(_ send: (Stanza, _ from: JID, _ to: [JID]) -> Void) -> Bool {
        guard !isSending else { return false }
        isSending = true
        defer { isSending = false }
        var rest = Self.slice
        while pauses == 0, first < entries.count {
            let entry = entries[first]
            if let prepare = entry.prepare, !entry.isReady {
                entry.prepare = nil
                prepare()
            }
            guard entry.isReady else { break }
            guard rest > 0 else { return true }
            switch entry.content {
            case .stanza(let stanza, let from, let addresses):
                let some = addresses.prefix(rest)
                rest -= max(some.count, 1)
                entry.content = .stanza(stanza, from: from, to: addresses.dropFirst(some.count))
                send(stanza, from, Array(some))
                if some.count < addresses.count { continue }
            case .steps(let step):
                let some = rest
                rest = 0
                if step(some) { continue }
                rest = some - 1
            }
            first += 1
            bytes -= entry.size
        }
        if first == entries.count || first > Self.slice {
            entries.removeFirst(first)
            first = 0
        }
        return false
    }
}
