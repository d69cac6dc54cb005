import XMPP

/// The client's only message in OAUTHBEARER (RFC 7628 §3.1).
struct BearerMessage {
    let authorizationID: String?
    /// The access token; empty if the client asks how to get one.
    let token: String

    init(parsing message: [UInt8]) throws(SASLFailure) {
        let header = try GS2Header(startOf: message)
        // The mechanism has no channel binding.
        if case .used = header.flag { throw .malformedRequest }
        authorizationID = header.authorizationID

        let body = message.dropFirst(header.bytes.count)
        // kvsep, then key=value kvsep for each pair, then kvsep.
        guard body.count >= 2, body.first == Self.separator, body.suffix(2) == [Self.separator, Self.separator] else {
            throw .malformedRequest
        }
        var authorization: Substring?
        for pair in body.dropFirst().dropLast(2).split(separator: Self.separator, omittingEmptySubsequences: false) {
            guard let text = String(validating: pair, as: UTF8.self), let equals = text.firstIndex(of: "="),
                equals > text.startIndex, text[..<equals].utf8.allSatisfy(Self.isLetter)
            else { throw .malformedRequest }
            guard text[..<equals] == "auth" else { continue }
            guard authorization == nil else { throw .malformedRequest }
            authorization = text[text.index(after: equals)...]
        }
        guard let authorization else { throw .malformedRequest }
        token = try Self.token(in: authorization)
    }

    private static let separator: UInt8 = 1

    /// The token of an `Authorization` header's value; its syntax is RFC 6750 §2.1's.
    private static func token(in authorization: Substring) throws(SASLFailure) -> String {
        if authorization.isEmpty { return "" }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard let scheme = parts.first, scheme.lowercased() == "bearer" else { throw .malformedRequest }
        guard parts.count == 2 else { return "" }
        let token = parts[1].drop { $0 == " " }
        let padding = token.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard token.utf8.dropLast(padding).allSatisfy(isTokenByte) else { throw .malformedRequest }
        return String(token)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-._~+/".utf8.contains(byte)
    }
}
