import Crypto
import CryptoExtras
import FoundationEssentials

/// The client's side of SCRAM (RFC 5802, RFC 7677), without channel binding.
final class SCRAMClient {
    /// Salted passwords that have been computed once. A client that signs in again would keep them too, and what they
    /// cost is the client's, not the server's.
    final class Cache {
        fileprivate var keys: [String: SymmetricKey] = [:]
    }

    private let password: String
    private let mechanism: Mechanism
    private let cache: Cache
    private let firstBare: String
    private let nonce: String
    private var expected: [UInt8] = []

    init(user: String, password: String, mechanism: Mechanism, cache: Cache) {
        self.password = password
        self.mechanism = mechanism
        self.cache = cache
        var random = SystemRandomNumberGenerator()
        nonce = String(random.next(), radix: 36) + String(random.next(), radix: 36)
        firstBare = "n=\(user),r=\(nonce)"
    }

    var first: String { "n,,\(firstBare)" }

    /// The final message; nil if the challenge is none.
    func answer(to challenge: String) -> String? {
        var fields: [Character: Substring] = [:]
        for field in challenge.split(separator: ",") where field.dropFirst().first == "=" {
            fields[field.first ?? " "] = field.dropFirst(2)
        }
        guard let serverNonce = fields["r"], serverNonce.hasPrefix(nonce), let salt = fields["s"],
            let iterations = fields["i"].flatMap({ Int($0) }), iterations > 0
        else { return nil }
        let withoutProof = "c=biws,r=\(serverNonce)"
        let message = Array("\(firstBare),\(challenge),\(withoutProof)".utf8)
        let proof: [UInt8]? =
            mechanism == .scramSHA1
            ? prove(Insecure.SHA1.self, .insecureSHA1, String(salt), iterations, message)
            : prove(SHA256.self, .sha256, String(salt), iterations, message)
        return proof.map { "\(withoutProof),p=\(Base64Text.encode($0))" }
    }

    private func prove<Hash: HashFunction>(
        _ hash: Hash.Type, _ function: KDF.Insecure.PBKDF2.HashFunction, _ salt: String, _ iterations: Int,
        _ message: [UInt8]
    ) -> [UInt8]? {
        let name = "\(mechanism.rawValue) \(iterations) \(salt) \(password)"
        let key: SymmetricKey
        if let known = cache.keys[name] {
            key = known
        } else {
            guard let saltBytes = Base64Text.decode(salt),
                let made = try? KDF.Insecure.PBKDF2.deriveKey(
                    from: Array(password.utf8), salt: saltBytes, using: function,
                    outputByteCount: Hash.Digest.byteCount, unsafeUncheckedRounds: iterations)
            else { return nil }
            key = made
            cache.keys[name] = made
        }
        func code(_ text: [UInt8], _ key: SymmetricKey) -> [UInt8] {
            Array(HMAC<Hash>.authenticationCode(for: text, using: key))
        }
        let clientKey = code(Array("Client Key".utf8), key)
        let signature = code(message, SymmetricKey(data: Array(Hash.hash(data: clientKey))))
        expected = code(message, SymmetricKey(data: code(Array("Server Key".utf8), key)))
        return zip(clientKey, signature).map { $0 ^ $1 }
    }

    /// Whether the server's last message proves that it knows the password, too.
    func verifies(_ final: [UInt8]) -> Bool {
        !expected.isEmpty && final == Array("v=\(Base64Text.encode(expected))".utf8)
    }
}

enum Base64Text {
    static func encode(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
    static func decode(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map { Array($0) } }
}
