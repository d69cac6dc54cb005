import XMPP

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

    /// Whether the field may be ignored: a letter without meaning in RFC 5802. `m` requires an undefined extension and
    /// ends the exchange; the others may not be repeated or out of order.
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
