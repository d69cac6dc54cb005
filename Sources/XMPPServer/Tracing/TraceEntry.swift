import XMPP

/// One entry of a ring, read back.
struct TraceEntry {
    let moment: TraceStep
    let type: StanzaType
    let time: Timestamp
    let number: UInt64
    /// See `TraceStep`; for a received message its id, sender and recipient.
    let texts: [String]

    /// The entries in the contents of a ring.
    static func all(in contents: [UInt8]) -> [TraceEntry] {
        var entries: [TraceEntry] = []
        var rest = contents[...]
        while rest.count >= TraceRing.headSize {
            let size = Int(number(rest.prefix(2)))
            guard size >= TraceRing.headSize, size <= rest.count else { break }
            if let entry = TraceEntry(rest.prefix(size)) { entries.append(entry) }
            rest = rest.dropFirst(size)
        }
        return entries
    }

    private init?(_ bytes: ArraySlice<UInt8>) {
        let start = bytes.startIndex
        guard let moment = TraceStep(rawValue: bytes[start + 2]) else { return nil }
        self.moment = moment
        type = StanzaType(rawValue: bytes[start + 3]) ?? .unknown
        time = Timestamp(milliseconds: Int64(bitPattern: Self.number(bytes[(start + 4)..<(start + 12)])))
        number = Self.number(bytes[(start + 12)..<(start + 20)])
        var rest = bytes.dropFirst(TraceRing.headSize)
        var texts: [String] = []
        while let count = rest.popFirst(), rest.count >= Int(count) {
            texts.append(String(decoding: rest.prefix(Int(count)), as: UTF8.self))
            rest = rest.dropFirst(Int(count))
        }
        self.texts = texts
    }

    /// The bytes as a number in native byte order.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
