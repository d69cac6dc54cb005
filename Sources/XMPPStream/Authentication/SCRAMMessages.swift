import XMPP

/// The client's first SCRAM message (RFC 5802 §7 `client-first-message`).
struct SCRAMClientFirst {
    let header: GS2Header
    /// The message without its header, as it was sent.
    let bare: [UInt8]
    let userName: String
    let nonce: [UInt8]

    init(parsing message: [UInt8]) throws(SASLFailure) {
        header = try GS2Header(startOf: message)
        bare = Array(message.dropFirst(header.bytes.count))
        let fields = try SCRAMField.list(bare)
        guard fields.count >= 2, fields[0].letter == UInt8(ascii: "n"), fields[1].letter == UInt8(ascii: "r") else {
            throw .malformedRequest
        }
        userName = try GS2Header.saslName(fields[0].value)
        nonce = Array(fields[1].value)
        guard nonce.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), fields.dropFirst(2).allSatisfy(\.isExtension) else {
            throw .malformedRequest
        }
    }
}

/// The client's last SCRAM message (RFC 5802 §7 `client-final-message`).
struct SCRAMClientFinal {
    /// The GS2 header again, with the channel binding data behind it.
    let channelBinding: [UInt8]
    let nonce: [UInt8]
    let proof: [UInt8]
    /// The message without the proof and the comma before it, as it was sent.
    let withoutProof: [UInt8]

    init(parsing message: [UInt8]) throws(SASLFailure) {
        let fields = try SCRAMField.list(message)
        guard fields.count >= 3, let last = fields.last, fields[0].letter == UInt8(ascii: "c"),
            fields[1].letter == UInt8(ascii: "r"), last.letter == UInt8(ascii: "p"),
            fields[2..<(fields.count - 1)].allSatisfy(\.isExtension)
        else { throw .malformedRequest }
        channelBinding = try fields[0].decodedValue()
        nonce = Array(fields[1].value)
        proof = try last.decodedValue()
        withoutProof = Array(message.dropLast(last.value.count + ",p=".utf8.count))
    }
}

/// One `letter=value` of a SCRAM message.
struct SCRAMField {
    let letter: UInt8
    let value: ArraySlice<UInt8>

    /// The fields of a message in order; each must have a letter and a value.
    static func list(_ message: [UInt8]) throws(SASLFailure) -> [SCRAMField] {
        guard String(validating: message, as: UTF8.self) != nil, !message.contains(0) else { throw .malformedRequest }
        var fields: [SCRAMField] = []
        for part in message.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard part.count >= 3, let letter = part.first, isLetter(letter),
                part.dropFirst().first == UInt8(ascii: "=")
            else { throw .malformedRequest }
            fields.append(SCRAMField(letter: letter, value: part.dropFirst(2)))
        }
        return fields
    }

    /// Whether the field may be ignored: a letter without meaning in RFC 5802. `m` demands an extension that nobody
    /// has defined and ends the exchange; the others may not stand twice or out of order.
    var isExtension: Bool {
        !"anmrcsipve".utf8.contains(letter)
    }

    func decodedValue() throws(SASLFailure) -> [UInt8] {
        guard let bytes = Base64.decode(String(decoding: value, as: UTF8.self)) else { throw .malformedRequest }
        return bytes
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
