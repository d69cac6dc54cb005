import Foundation
import JWTKit
import NIOCore
import XMPP

/// Finds the claims of a token.
protocol ClaimSource: Sendable {
    /// - Returns: nil if it is not the provider's.
    /// - Throws: if that cannot be determined now.
    func claims(of token: String) async throws -> TokenClaims?
}

/// Tokens signed by the provider, RFC 7515.
struct SignedClaims: ClaimSource {
    let keys: ProviderKeys

    private struct Header: Decodable {
        let alg: String
        let kid: String?
    }

    func claims(of token: String) async throws -> TokenClaims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.header(parts[0]),
            let keys = try await keys.find(key: header.kid, algorithm: header.alg)
        else { return nil }
        return try? await keys.verify(token, as: TokenClaims.self)
    }

    private static func header(_ text: Substring) -> Header? {
        let padding = String(repeating: "=" as Character, count: (4 - text.utf8.count % 4) % 4)
        let base64 = String(text).replacing("-", with: "+").replacing("_", with: "/") + padding
        return Data(base64Encoded: base64).flatMap { try? JSONDecoder().decode(Header.self, from: $0) }
    }
}

/// Tokens introspected at the provider, RFC 7662.
struct IntrospectedClaims: ClaimSource {
    let endpoint: String
    let client: String
    let secret: String

    private struct Reply: Decodable {
        let active: Bool
    }

    func claims(of token: String) async throws -> TokenClaims? {
        let credentials = Base64.encode(Array("\(Form.escape(client)):\(Form.escape(secret))".utf8))
        let body = try await ProviderClient.post(
            endpoint, Form.encode([("token", token), ("token_type_hint", "access_token")]),
            authorization: "Basic \(credentials)")
        let data = Data(body.readableBytesView)
        guard try JSONDecoder().decode(Reply.self, from: data).active else { return nil }
        return try JSONDecoder().decode(TokenClaims.self, from: data)
    }
}
