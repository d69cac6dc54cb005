import Crypto
import XMPPServer

/// The client's messages of SCRAM-SHA-256 for `n,,n=USER,r=NONCE`: `scram USER NONCE CHALLENGE MECHANISMS` is its last
/// message. CHALLENGE is the script's name for the server's challenge, and MECHANISMS are those offered, with commas
/// between: it fails unless the challenge has their right hash (XEP-0474). Without MECHANISMS it fails if the challenge
/// has more than RFC 5802 defines.
enum SCRAMProofs {
    static func value(_ name: String, known: [String: String]) -> String? {
        let words = name.split(separator: " ").map(String.init)
        guard words.first == "scram", (4...5).contains(words.count),
            let challenge = known[words[3]].flatMap({ Base64.decode($0) }),
            let message = last(
                "n=\(words[1]),r=\(words[2])", String(decoding: challenge, as: UTF8.self),
                words.count == 5 ? words[4].split(separator: ",") : nil)
        else { return nil }
        return Base64.encode(Array(message.utf8))
    }

    private static func last(_ bare: String, _ challenge: String, _ mechanisms: [Substring]?) -> String? {
        let fields = challenge.split(separator: ",").map { $0.dropFirst(2) }
        guard fields.count == (mechanisms == nil ? 3 : 4), let salt = Base64.decode(String(fields[1])),
            let iterations = Int(fields[2])
        else { return nil }
        if let offered = mechanisms?.sorted().joined(separator: "\u{1E}") {
            guard Base64.decode(String(fields[3])) == Array(SHA256.hash(data: Array(offered.utf8))) else { return nil }
        }
        let withoutProof = "c=biws,r=\(fields[0])"
        let clientKey = code("Client Key", salted(TestAccount.password, salt, iterations))
        let signature = code("\(bare),\(challenge),\(withoutProof)", Array(SHA256.hash(data: clientKey)))
        return "\(withoutProof),p=\(Base64.encode(zip(clientKey, signature).map { $0 ^ $1 }))"
    }

    /// One block of PBKDF2.
    private static func salted(_ password: String, _ salt: [UInt8], _ iterations: Int) -> [UInt8] {
        let key = SymmetricKey(data: Array(password.utf8))
        var round = Array(HMAC<SHA256>.authenticationCode(for: salt + [0, 0, 0, 1], using: key))
        var result = round
        for _ in 1..<iterations {
            round = Array(HMAC<SHA256>.authenticationCode(for: round, using: key))
            for index in result.indices { result[index] ^= round[index] }
        }
        return result
    }

    private static func code(_ text: String, _ key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
}
