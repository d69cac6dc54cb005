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
