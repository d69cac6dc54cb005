import Hummingbird
import NIOCore
import XMPP

/// The parameters of a query or of a posted form, in the encoding `application/x-www-form-urlencoded`.
public struct Form: Sendable {
    private var values: [String: [String]] = [:]

    /// More than our forms have.
    private static let maximumCount = 100

    /// - Returns: nil if the text is not so encoded, or has too many parameters.
    public init?(_ text: some StringProtocol) {
        let pairs = text.split(separator: "&")
        guard pairs.count <= Self.maximumCount else { return nil }
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(parts[0]), let value = Self.decode(parts.count > 1 ? parts[1] : "") else {
                return nil
            }
            values[name, default: []].append(value)
        }
    }

    /// The value of a parameter; nil if it is missing or repeated.
    public subscript(_ name: String) -> String? {
        guard let found = values[name], found.count == 1 else { return nil }
        return found[0]
    }

    /// Whether a parameter is repeated, which OAuth forbids (RFC 6749 §3.1).
    public var hasRepeatedNames: Bool { values.values.contains { $0.count > 1 } }

    /// The form without empty parameters, which OAuth treats as omitted (RFC 6749 §3.1, §3.2).
    var withoutEmptyValues: Form {
        var form = self
        form.values = values.compactMapValues { found in
            let given = found.filter { !$0.isEmpty }
            return given.isEmpty ? nil : given
        }
        return form
    }

    private static func decode(_ text: some StringProtocol) -> String? {
        Percent.decode(String(text.map { $0 == "+" ? " " : $0 }))
    }

    /// The encoded parameters, in order.
    public static func encode(_ pairs: [(name: String, value: String?)]) -> String {
        pairs.compactMap { name, value in value.map { "\(escape(name))=\(escape($0))" } }.joined(separator: "&")
    }

    /// Percent-encoded except for unreserved characters, RFC 3986 §2.3.
    public static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Request {
    /// The posted form.
    ///
    /// - Throws: `HTTPError` if the body is too large or no such form.
    func form(_ context: WebContext) async throws -> Form {
        let type = headers[.contentType]?.prefix { $0 != ";" }.trimmingBlanks().lowercased()
        guard type == "application/x-www-form-urlencoded" else { throw HTTPError(.unsupportedMediaType) }
        let body = try await body.collect(upTo: context.maxUploadSize)
        guard let form = Form(String(buffer: body)) else { throw HTTPError(.badRequest) }
        return form
    }

    /// The parameters of the query.
    var query: Form? { Form(uri.query ?? "") }
}
