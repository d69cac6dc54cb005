import JWTKit

/// The claims of a token that are used here (RFC 7519 §4, RFC 9068 §2.2, RFC 7662 §2.2).
struct TokenClaims: JWTPayload {
    private let values: [String: Value]

    /// The supported values; others are ignored.
    private enum Value: Codable, Sendable {
        case text(String)
        case number(Double)
        case truth(Bool)
        case texts([String])
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let truth = try? container.decode(Bool.self) {
                self = .truth(truth)
            } else if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let texts = try? container.decode([String].self) {
                self = .texts(texts)
            } else {
                self = .other
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .truth(let truth): try container.encode(truth)
            case .texts(let texts): try container.encode(texts)
            case .other: try container.encodeNil()
            }
        }
    }

    init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([String: Value].self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }

    /// Only the signature counts here; the caller checks the claims.
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    /// The text of a claim.
    subscript(_ name: String) -> String? {
        if case .text(let text) = values[name] { text } else { nil }
    }

    func isTrue(_ name: String) -> Bool {
        if case .truth(true) = values[name] { true } else { false }
    }

    var issuer: String? { self["iss"] }
    var audiences: Set<String> { texts("aud", separator: nil) }
    var scopes: Set<String> { texts("scope", separator: " ").union(texts("scp", separator: " ")) }
    /// In seconds since 1970.
    var expiresAt: Int64? { seconds("exp") }
    var notBefore: Int64? { seconds("nbf") }

    private func texts(_ name: String, separator: Character?) -> Set<String> {
        switch values[name] {
        case .text(let text): Set(separator.map { text.split(separator: $0).map(String.init) } ?? [text])
        case .texts(let texts): Set(texts)
        default: []
        }
    }

    private func seconds(_ name: String) -> Int64? {
        guard case .number(let number) = values[name] else { return nil }
        return Int64(exactly: number.rounded(.down))
    }
}
