import XMPP

/// The text in `<auth mechanism="X-MESSENGER-OAUTH2">`: the access token itself, not its base64.
enum MessengerToken {
    /// The token as it was issued. Clients add white space, and some leave it percent-encoded as in the address that
    /// they got it in. No token contains a percent sign.
    ///
    /// - Returns: nil if there is none.
    static func normalize(_ text: String) -> String? {
        var token = trim(text)
        if token.utf8.contains(UInt8(ascii: "%")) {
            guard let decoded = Percent.decode(token) else { return nil }
            token = trim(decoded)
        }
        return token.isEmpty || token == "=" ? nil : token
    }

    private static func trim(_ text: String) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let bytes = text.utf8.drop(while: isSpace)
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(decoding: bytes[...last], as: UTF8.self)
    }
}
