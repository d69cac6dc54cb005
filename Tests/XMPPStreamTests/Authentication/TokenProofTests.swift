import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("XEP-0484: proofs of a device's token") struct TokenProofTests {
    private static let id = "d4565fa7-4d72-4749-b3d3-740edbf87770"
    private static let binding = ChannelBinding([.tlsExporter: [1, 2], .tlsServerEndPoint: [3, 4]])

    private func request(_ content: String) throws -> AuthenticationRequest {
        AuthenticationRequest(try Element(parsing: "<authenticate xmlns='urn:xmpp:sasl:2'>\(content)</authenticate>"))
    }

    private func message(_ token: String, _ data: [UInt8], user: String = "romeo") -> [UInt8] {
        Array("\(user)\0".utf8)
            + SCRAMHash.sha256.authenticationCode(for: Array("Initiator".utf8) + data, key: Array(token.utf8))
    }

    private func proof(_ message: [UInt8], _ mechanism: FASTMechanism) throws -> TokenProof {
        let fast = "<user-agent id='\(Self.id)'/><fast xmlns='urn:xmpp:fast:0'/>"
        return try TokenProof(
            message, mechanism: mechanism, request: request(fast), binding: Self.binding, host: "example.org")
    }

    private static let channels: [(FASTMechanism, [UInt8])] = [
        (.none, []), (.exporter, [1, 2]), (.serverEndPoint, [3, 4]),
    ]

    @Test(arguments: channels)
    func ofItsChannel(_ mechanism: FASTMechanism, _ data: [UInt8]) throws {
        let proof = try proof(message("secret", data), mechanism)
        #expect(proof.user == "romeo" && proof.installation == Self.id)
        #expect(proof.isOf(token: "secret"))
        #expect(!proof.isOf(token: "other"))
        #expect(try !self.proof(message("secret", data + [9]), mechanism).isOf(token: "secret"))
        #expect(
            proof.response(token: "secret")
                == SCRAMHash.sha256.authenticationCode(for: Array("Responder".utf8) + data, key: Array("secret".utf8)))
    }

    private static let messages: [[UInt8]] = [
        [], [0], Array("romeo".utf8), Array("\0romeo".utf8), [0xFF, 0, 1], Array("romeo@elsewhere.example\0x".utf8),
    ]

    @Test("What is no proof is a failure", arguments: messages)
    func malformed(_ message: [UInt8]) throws {
        #expect(throws: SASLFailure.self) { try proof(message, .none) }
    }

    @Test("A user agent is known by a UUID alone, and its names are short and on one line")
    func userAgent() throws {
        let agent = { (content: String) in try request(content).userAgent }
        #expect(try agent("<user-agent id='D4565FA7-4d72-4749-b3d3-740edbf87770'/>")?.id == Self.id)
        #expect(try agent("<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf8777'/>")?.id == nil)
        #expect(try agent("<user-agent id='romeo'/>")?.id == nil)
        #expect(try agent("<user-agent><software> a \n b </software></user-agent>")?.software == "a b")
        #expect(try agent("<user-agent><device> </device></user-agent>")?.device == nil)
        let long = String(repeating: "x", count: 1000)
        #expect(try agent("<user-agent><device>\(long)</device></user-agent>")?.device?.count == UserAgent.longestName)
        #expect(try agent("") == nil)
    }
}
