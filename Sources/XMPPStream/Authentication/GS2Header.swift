import XMPP

/// The beginning of a client's first message in SCRAM and OAUTHBEARER (RFC 5801 §4): channel binding and authorization
/// identity.
struct GS2Header {
    enum BindingFlag: Equatable {
        /// `n`: the client does not support channel binding.
        case unsupported
        /// `y`: the client supports it, and believes that the server does not.
        case notOffered
        /// `p=…`: the client uses this type.
        case used(String)
    }

    let flag: BindingFlag
    let authorizationID: String?
    /// The header as sent, including the comma at its end.
    let bytes: [UInt8]

    /// Parses the header that `message` begins with.
    init(startOf message: [UInt8]) throws(SASLFailure) {
        let fields = message.split(separator: UInt8(ascii: ","), maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { throw .malformedRequest }
        flag = try Self.parseFlag(fields[0])
        authorizationID = try Self.parseAuthorizationID(fields[1])
        bytes = Array(message[..<fields[2].startIndex])
    }

    private static func parseFlag(_ field: ArraySlice<UInt8>) throws(SASLFailure) -> BindingFlag {
        switch field {
        case [UInt8(ascii: "n")]: return .unsupported
        case [UInt8(ascii: "y")]: return .notOffered
        default: break
        }
        let name = field.dropFirst(2)
        guard field.starts(with: "p=".utf8), !name.isEmpty, name.allSatisfy(isBindingNameByte) else {
            throw .malformedRequest
        }
        return .used(String(decoding: name, as: UTF8.self))
    }

    private static func parseAuthorizationID(_ field: ArraySlice<UInt8>) throws(SASLFailure) -> String? {
        if field.isEmpty { return nil }
        guard field.starts(with: "a=".utf8) else { throw .malformedRequest }
        return try saslName(field.dropFirst(2))
    }

    private static func isBindingNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Decodes the escapes of a `saslname` (RFC 5802 §5.1): `=2C` is a comma, `=3D` an equals sign; no other `=` is
    /// allowed.
    static func saslName(_ field: ArraySlice<UInt8>) throws(SASLFailure) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            guard byte != 0 else { throw .malformedRequest }
            guard byte == UInt8(ascii: "=") else {
                bytes.append(byte)
                continue
            }
            if rest.starts(with: "2C".utf8) {
                bytes.append(UInt8(ascii: ","))
            } else if rest.starts(with: "3D".utf8) {
                bytes.append(UInt8(ascii: "="))
            } else {
                throw .malformedRequest
            }
            rest = rest.dropFirst(2)
        }
        guard !bytes.isEmpty, let name = String(validating: bytes, as: UTF8.self) else { throw .malformedRequest }
        return name
    }
}
