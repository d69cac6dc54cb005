import Crypto
import Foundation
import XMPPServer

/// The messages of a sign-in with an installation's token, XEP-0484: `proof USER TOKEN` is the client's, `answer TOKEN`
/// the server's. TOKEN is the script's name for the token; a further `bound` binds both to the test certificate.
enum TokenProofs {
    static func value(_ name: String, known: [String: String]) -> String? {
        let words = name.split(separator: " ").map(String.init)
        switch words.first {
        case "proof" where words.count >= 3:
            guard let token = known[words[2]] else { return nil }
            return Base64.encode(
                Array("\(words[1])\0".utf8) + code("Initiator", token, isBound: words.dropFirst(3) == ["bound"]))
        case "answer" where words.count >= 2:
            guard let token = known[words[1]] else { return nil }
            return Base64.encode(code("Responder", token, isBound: words.dropFirst(2) == ["bound"]))
        default:
            return nil
        }
    }

    private static func code(_ role: String, _ token: String, isBound: Bool) -> [UInt8] {
        let data = Array(role.utf8) + (isBound ? certificateHash : [])
        return Array(
            HMAC<SHA256>.authenticationCode(for: data, using: SymmetricKey(data: Array(token.utf8))))
    }

    /// tls-server-end-point
    private static let certificateHash: [UInt8] = {
        guard let path = try? TestCertificate.shared.get().certificatePath,
            let pem = try? String(contentsOfFile: path, encoding: .utf8)
        else { return [] }
        let lines = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
        return Base64.decode(lines.joined()).map { Array(SHA256.hash(data: $0)) } ?? []
    }()
}
