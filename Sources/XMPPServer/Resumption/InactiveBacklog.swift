import NIOCore
import XMPPStream

/// What is held back from a client that does not look: of each kind the last, in the order in which they came.
struct InactiveBacklog {
    private var stanzas: [String: (place: Int, stanza: OutgoingStanza)] = [:]
    private var nextPlace = 0
    private(set) var byteCount = 0

    /// With more than this nothing is held back any longer.
    static let maximumCount = 1_000
    static let maximumBytes = 1 << 20

    var isEmpty: Bool { stanzas.isEmpty }
    var isFull: Bool { stanzas.count >= Self.maximumCount || byteCount >= Self.maximumBytes }

    mutating func put(_ stanza: OutgoingStanza, kind: String) {
        byteCount += stanza.bytes.readableBytes - (stanzas[kind]?.stanza.bytes.readableBytes ?? 0)
        stanzas[kind] = (nextPlace, stanza)
        nextPlace += 1
    }

    /// All of them, in order; nothing is held back any more.
    mutating func takeAll() -> [OutgoingStanza] {
        defer { self = InactiveBacklog() }
        return stanzas.values.sorted { $0.place < $1.place }.map(\.stanza)
    }
}
