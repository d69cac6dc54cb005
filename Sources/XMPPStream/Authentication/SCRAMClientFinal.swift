import XMPP

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
