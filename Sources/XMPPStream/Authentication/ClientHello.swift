/// Parses a ClientHello (RFC 8446 §4.1.2) that is the first record of a connection.
struct ClientHello {
    let random: ClientRandom
    let serverName: ServerName

    enum Outcome {
        case parsed(ClientHello)
        /// The record is incomplete.
        case unfinished
        /// Something else, or an incomplete ClientHello.
        case other
    }

    private static let headerByteCount = 5

    /// The maximum bytes of a plaintext record with its header (RFC 8446 §5.1).
    static let longestRecord = headerByteCount + (1 << 14)

    /// Parses the start of what a client sent.
    static func parse(_ bytes: [UInt8]) -> Outcome {
        var reader = LengthReader(bytes[...])
        guard let type = reader.integer(byteCount: 1) else { return .unfinished }
        guard type == 22 else { return .other }
        guard reader.integer(byteCount: 2) != nil, let length = reader.integer(byteCount: 2) else { return .unfinished }
        guard length <= longestRecord - headerByteCount else { return .other }
        guard let record = reader.bytes(length) else { return .unfinished }
        var message = LengthReader(record)
        guard message.integer(byteCount: 1) == 1, let messageLength = message.integer(byteCount: 3),
            message.bytes(2) != nil, let random = message.bytes(ClientRandom.byteCount).flatMap(ClientRandom.init)
        else { return .other }
        let isWhole = messageLength == record.count - 4
        return .parsed(ClientHello(random: random, serverName: isWhole ? serverName(&message) : .unreadable))
    }

    /// Continues after the random.
    private static func serverName(_ message: inout LengthReader) -> ServerName {
        guard message.vector(lengthBytes: 1) != nil,  // session identifier
            message.vector(lengthBytes: 2) != nil,  // cipher suites
            message.vector(lengthBytes: 1) != nil  // compression methods
        else { return .unreadable }
        if message.isAtEnd { return .absent }
        guard var extensions = message.vector(lengthBytes: 2).map(LengthReader.init), message.isAtEnd else {
            return .unreadable
        }
        while !extensions.isAtEnd {
            guard let type = extensions.integer(byteCount: 2), let data = extensions.vector(lengthBytes: 2) else {
                return .unreadable
            }
            if type == 0 { return serverName(data) }
        }
        return .absent
    }

    /// RFC 6066 §3 defines one type of name, and allows one name of a type.
    private static func serverName(_ data: ArraySlice<UInt8>) -> ServerName {
        var reader = LengthReader(data)
        guard var list = reader.vector(lengthBytes: 2).map(LengthReader.init), reader.isAtEnd,
            list.integer(byteCount: 1) == 0, let name = list.vector(lengthBytes: 2), list.isAtEnd, !name.isEmpty,
            name.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return .unreadable }
        return .named(String(decoding: name, as: UTF8.self))
    }
}

/// Reads big-endian integers, and bytes with a length before them.
private struct LengthReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// An integer of up to three bytes.
    mutating func integer(byteCount: Int) -> Int? {
        bytes(byteCount)?.reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func vector(lengthBytes: Int) -> ArraySlice<UInt8>? {
        integer(byteCount: lengthBytes).flatMap { bytes($0) }
    }
}
