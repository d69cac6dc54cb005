import XML
import XMPP

@testable import XMPPStream

/// An exchange driven from a test, with every action as a line of text.
final class ScriptedAuthentication {
    private let exchange: SASLExchange
    private let request: AuthenticationRequest?

    init(
        _ offered: [SASLMechanism] = SASLMechanism.allCases,
        binding: ChannelBinding = ChannelBinding(),
        host: String = "example.org",
        nonce: String = "server",
        bySASL2: Bool = false
    ) {
        let element = try? Element(parsing: "<authenticate xmlns='urn:xmpp:sasl:2'/>")
        request = bySASL2 ? element.map(AuthenticationRequest.init) : nil
        exchange = SASLExchange(offered: offered, binding: binding, host: host, nonce: { nonce })
    }

    var offered: [SASLMechanism] { exchange.offered }

    func auth(_ mechanism: String, _ text: String?) -> String {
        Self.describe(exchange.started(mechanism: mechanism, initialResponse: text, request: request))
    }

    /// `<auth>` with the base64 of a message.
    func auth(_ mechanism: SASLMechanism, message: String) -> String {
        auth(mechanism.rawValue, Base64.encode(Array(message.utf8)))
    }

    /// A proof is tested at once.
    func response(_ text: String) -> String {
        let action = exchange.responded(text)
        if case .testProof = action { return Self.describe(exchange.mayTest()) }
        return Self.describe(action)
    }
    func response(message: String) -> String { response(Base64.encode(Array(message.utf8))) }
    func abort() -> String { Self.describe(exchange.aborted()) }
    func found(_ credential: SCRAMCredential) -> String { Self.describe(exchange.credentialFound(credential)) }
    func verified(_ account: String) -> String { Self.describe(exchange.verified(account: account)) }
    func refused(_ failure: SASLFailure) -> String { Self.describe(exchange.refused(failure)) }

    static func describe(_ action: SASLAction) -> String {
        switch action {
        case .challenge(let bytes): "challenge \(String(decoding: bytes, as: UTF8.self))"
        case .findCredential(let user, let hash): "find \(user) \(hash.rawValue)"
        case .testProof(let user): "test \(user)"
        case .verifyPassword(let user, let password): "password \(user) \(password.value)"
        case .verifyToken(let token, let user): "token \(token.value) \(user ?? "-")"
        case .verifyProof(let proof): "proof \(proof.user) \(proof.installation) \(proof.mechanism.rawValue)"
        case .askForTask(let hash, let data):
            "task \(hash.rawValue) \(data.map { String(decoding: $0, as: UTF8.self) } ?? "-")"
        case .sendSalt(let salt, let iterations): "salt \(salt.count) \(iterations)"
        case .keep(let credential): "keep \(credential.hash.rawValue) \(credential.iterations)"
        case .succeed(let user, _, let data):
            "success \(user) \(data.map { String(decoding: $0, as: UTF8.self) } ?? "-")"
        case .fail(let failure): "failure \(failure.rawValue)"
        case .ignore: "ignore"
        }
    }
}

/// The client's side of SCRAM.
struct SCRAMClient {
    var user = "romeo"
    var password = "wherefore"
    var hash = SCRAMHash.sha256
    var header = "n,,"
    var bindingData: [UInt8] = []
    var nonce = "client"

    var bare: String { "n=\(user),r=\(nonce)" }
    var first: String { header + bare }

    /// The last message, for a challenge as ``ScriptedAuthentication`` shows it; nil if it is none.
    func last(_ challenge: String, nonce changed: String? = nil, extensions: String = "") -> String? {
        guard challenge.hasPrefix("challenge r=") else { return nil }
        let serverFirst = String(challenge.dropFirst("challenge ".count))
        let fields = serverFirst.split(separator: ",").map { String($0.dropFirst(2)) }
        guard fields.count >= 3, let salt = Base64.decode(fields[1]), let iterations = Int(fields[2]),
            let salted = hash.saltedPassword(Array(password.utf8), salt: salt, iterations: iterations)
        else { return nil }
        let binding = Base64.encode(Array(header.utf8) + bindingData)
        let withoutProof = "c=\(binding),r=\(changed ?? fields[0])\(extensions)"
        let clientKey = hash.authenticationCode(for: Array("Client Key".utf8), key: salted)
        let signature = hash.authenticationCode(
            for: Array("\(bare),\(serverFirst),\(withoutProof)".utf8), key: hash.digest(clientKey))
        return "\(withoutProof),p=\(Base64.encode(zip(clientKey, signature).map { $0 ^ $1 }))"
    }
}

extension SCRAMCredential {
    /// Romeo's, with few iterations.
    static func romeo(_ hash: SCRAMHash = .sha256) throws -> SCRAMCredential {
        guard
            let credential = SCRAMCredential(
                password: "wherefore", hash: hash, salt: Array("saltsaltsaltsalt".utf8), iterations: 16)
        else { throw SASLFailure.malformedRequest }
        return credential
    }
}
