import Foundation
import JWTKit
import NIOCore
import XMPP

/// A provider's signing keys, from OpenID Connect Discovery 1.0 and RFC 7517. They are cached for an hour, and read
/// again for an unknown key, but at most once a minute.
actor ProviderKeys {
    struct WrongIssuer: Error {}

    private struct Discovery: Decodable {
        let issuer: String
        // The name in the specification.
        let jwks_uri: String
    }

    fileprivate struct Key: Sendable {
        let id: String?
        let algorithm: String
    }

    fileprivate struct Keys: Sendable {
        let readAt: Timestamp
        let known: [Key]
        let collection: JWTKeyCollection
    }

    /// In milliseconds.
    private static let lifetime: Int64 = 3_600_000
    private static let pause: Int64 = 60_000
    /// More than providers have.
    private static let maximumCount = 50

    private let issuer: String
    private let now: @Sendable () -> Timestamp
    private var keys: Keys?
    private var askedAt: Timestamp?
    private var reading: Task<Keys, any Error>?

    init(issuer: String, now: @escaping @Sendable () -> Timestamp) {
        self.issuer = issuer
        self.now = now
    }

    /// The keys, if they contain the one named by a token, for its algorithm.
    ///
    /// - Throws: if they cannot be read now.
    func find(key id: String?, algorithm: String) async throws -> JWTKeyCollection? {
        let now = now()
        if let keys, now.milliseconds - keys.readAt.milliseconds < Self.lifetime, keys.has(id, algorithm) {
            return keys.collection
        }
        let mayAsk = askedAt.map { now.milliseconds - $0.milliseconds >= Self.pause } ?? true
        guard mayAsk || reading != nil else { return keys.flatMap { $0.has(id, algorithm) ? $0.collection : nil } }
        let keys = try await read()
        return keys.has(id, algorithm) ? keys.collection : nil
    }

    /// Reads them once for all who wait.
    private func read() async throws -> Keys {
        if let reading { return try await reading.value }
        askedAt = now()
        let task = Task { [issuer, now] in try await Self.read(issuer, now) }
        reading = task
        defer { reading = nil }
        let new = try await task.value
        keys = new
        return new
    }

    private static func read(_ issuer: String, _ now: @Sendable () -> Timestamp) async throws -> Keys {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let discovery = try JSONDecoder().decode(
            Discovery.self,
            from: Data(try await ProviderClient.get(base + "/.well-known/openid-configuration").readableBytesView))
        guard discovery.issuer == issuer else { throw WrongIssuer() }
        let data = Data(try await ProviderClient.get(discovery.jwks_uri).readableBytesView)
        let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let collection = JWTKeyCollection()
        var known: [Key] = []
        for case var key as [String: Any] in (document?["keys"] as? [Any] ?? []).prefix(maximumCount) {
            // A key is for the one algorithm that it names, or that follows from its type: tokens cannot choose
            // another.
            guard key["use"] as? String ?? "sig" == "sig", let algorithm = algorithm(of: key) else { continue }
            key["alg"] = algorithm
            let id = key["kid"] as? String
            key["kid"] = id ?? ""
            guard let json = try? JSONSerialization.data(withJSONObject: key),
                let jwk = try? JWK(json: String(decoding: json, as: UTF8.self)),
                (try? await collection.add(jwk: jwk)) != nil
            else { continue }
            known.append(Key(id: id, algorithm: algorithm))
        }
        return Keys(readAt: now(), known: known, collection: collection)
    }

    /// Symmetric keys, such as those of HMAC, are not accepted.
    private static func algorithm(of key: [String: Any]) -> String? {
        let named = key["alg"] as? String
        switch (key["kty"] as? String, key["crv"] as? String) {
        case ("RSA", _): return named.map { $0.hasPrefix("RS") || $0.hasPrefix("PS") ? $0 : nil } ?? "RS256"
        case ("EC", "P-256"): return "ES256"
        case ("EC", "P-384"): return "ES384"
        case ("EC", "P-521"): return "ES512"
        case ("OKP", "Ed25519"): return "EdDSA"
        default: return nil
        }
    }
}

extension ProviderKeys.Keys {
    fileprivate func has(_ id: String?, _ algorithm: String) -> Bool {
        // A token without a key id is accepted if the provider has one key.
        known.contains { $0.id == id && $0.algorithm == algorithm }
            || (id == nil && known.count == 1 && known[0].algorithm == algorithm)
    }
}
