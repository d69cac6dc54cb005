import NIOCore
import XMPPStream

/// The stanzas that are held back from an inactive client: the last of each kind, in order.
struct InactiveBacklog {
    private var stanzas: [String: (place: Int, stanza: OutgoingStanza)] = [:]
    private var nextPlace = 0
    private(set) var byteCount = 0

    /// From these on no further stanza is held back.
    static let maximumCount = 1_000
    static let maximumBytes = 1 << 20

    var isEmpty: Bool { stanzas.isEmpty }
    var isFull: Bool { stanzas.count >= Self.maximumCount || byteCount >= Self.maximumBytes }

    mutating func put(_ stanza: OutgoingStanza, kind: String) {
        byteCount += stanza.bytes.readableBytes - (stanzas[kind]?.stanza.bytes.readableBytes ?? 0)
        stanzas[kind] = (nextPlace, stanza)
        nextPlace += 1
    }

    /// Removes and returns all of them, in order.
    mutating func takeAll() -> [OutgoingStanza] {
        defer { self = InactiveBacklog() }
        return stanzas.values.sorted { $0.place < $1.place }.map(\.stanza)
    }
}
