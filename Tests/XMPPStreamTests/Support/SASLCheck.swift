import XML
import XMPP

@testable import XMPPStream

/// What must hold for whatever a client sends to sign in.
enum SASLCheck {
    private static let separator: UInt8 = 0xFE

    /// What does not hold for `bytes`; nil if all is well.
    ///
    /// The first byte chooses mechanism and channel, the rest is the client's messages with 0xFE between them. Every
    /// look-up is answered as for an account that does not exist.
    static func complaint(_ bytes: [UInt8]) -> String? {
        guard let choice = bytes.first else { return nil }
        let names = SASLMechanism.allCases.map(\.rawValue) + FASTMechanism.allCases.map(\.rawValue)
        let mechanism = names[Int(choice & 0x3F) % names.count]
        let isText = choice & 0x80 != 0 || mechanism == SASLMechanism.messengerOAuth2.rawValue
        let messages = bytes.dropFirst().split(separator: separator, omittingEmptySubsequences: false).map { message in
            isText ? String(decoding: message, as: UTF8.self) : Base64.encode(Array(message))
        }
        let exchange = SASLExchange(
            offered: SASLMechanism.allCases,
            binding: ChannelBinding(
                choice & 0x40 == 0 ? [:] : [.tlsExporter: [1, 2, 3], .tlsServerEndPoint: [4, 5, 6]]),
            host: "example.org", offersFAST: true, nonce: { "nonce" })
        for (index, message) in messages.enumerated() {
            let action =
                index == 0
                ? exchange.started(mechanism: mechanism, initialResponse: message, request: request)
                : exchange.responded(message)
            if let complaint = complaint(action, exchange) { return complaint }
        }
        guard case .fail = exchange.aborted() else { return "Not ended by the client that aborts" }
        return nil
    }

    /// Answers look-ups until there are none, then judges what the client is told.
    private static func complaint(_ action: SASLAction, _ exchange: SASLExchange) -> String? {
        var action = action
        // One attempt looks up one thing.
        for _ in 0..<2 {
            guard let next = answer(action, exchange) else { break }
            action = next
        }
        if answer(action, exchange) != nil { return "It asks on and on: \(action)" }
        if case .succeed(let user, _, _) = action { return "Nobody can sign in here, but \(user) did" }
        return nil
    }

    private static func answer(_ action: SASLAction, _ exchange: SASLExchange) -> SASLAction? {
        switch action {
        case .findCredential(let user, let hash):
            exchange.credentialFound(.decoy(user: user, hash: hash, secret: [7], iterations: 4096))
        case .testProof:
            exchange.mayTest()
        case .verifyProof(let proof):
            proof.isOf(token: "token") ? exchange.verified(account: proof.user) : exchange.refused(.notAuthorized)
        case .verifyPassword, .verifyToken:
            exchange.refused(.notAuthorized)
        default:
            nil
        }
    }

    private static let request = (try? Element(parsing: authenticate)).map(AuthenticationRequest.init)
    private static let authenticate = """
        <authenticate xmlns='urn:xmpp:sasl:2'><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>\
        <fast xmlns='urn:xmpp:fast:0' count='1'/></authenticate>
        """
}
