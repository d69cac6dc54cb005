import Testing
import XMPP

@testable import XMPPStream

@Suite("XEP-0474: SCRAM's challenge says what was offered") struct DowngradeTests {
    private static let binding = ChannelBinding([.tlsExporter: [1], .tlsServerEndPoint: [2]])

    private func challenge(
        _ offered: [SASLMechanism], _ binding: ChannelBinding, _ mechanism: SASLMechanism = .scramSHA1,
        header: String = "n,,", bySASL2: Bool = true
    ) throws -> String {
        let script = ScriptedAuthentication(offered, binding: binding, bySASL2: bySASL2)
        _ = script.auth(mechanism, message: "\(header)n=romeo,r=client")
        return script.found(try .romeo(mechanism.scramHash ?? .sha1))
    }

    @Test("The example of the specification, §5.3")
    func example() throws {
        let challenge = try challenge(
            [.scramSHA1, .scramSHA1Plus], Self.binding, .scramSHA1Plus, header: "p=tls-exporter,,")
        #expect(challenge.hasSuffix(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08="))
    }

    @Test("Mechanisms alone where no channel binding is announced, in the order of their bytes")
    func withoutBinding() throws {
        let expected = Base64.encode(SCRAMHash.sha256.digest(Array("PLAIN\u{1E}SCRAM-SHA-1\u{1E}SCRAM-SHA-256".utf8)))
        let challenge = try challenge([.scramSHA256, .scramSHA1, .plain], ChannelBinding(), .scramSHA256)
        #expect(challenge.hasSuffix(",h=\(expected)"))
        #expect(try self.challenge([.scramSHA256, .scramSHA1, .plain], Self.binding, .scramSHA256) == challenge)
    }

    @Test("Clients of RFC 6120's form are told where they bind to the connection, and nothing new where they do not")
    func strictClients() throws {
        for header in ["n,,", "y,,"] {
            let plain = try challenge(
                [.scramSHA256, .plain], Self.binding, .scramSHA256, header: header, bySASL2: false)
            #expect(!plain.contains(",h="))
            #expect(plain.split(separator: ",").count == 3)
        }
        let bound = try challenge(
            [.scramSHA1, .scramSHA1Plus], Self.binding, .scramSHA1Plus, header: "p=tls-exporter,,", bySASL2: false)
        #expect(bound.hasSuffix(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08="))
    }

    @Test("What the client is not offered any more makes another hash")
    func downgrade() throws {
        let all = try challenge([.scramSHA256, .scramSHA1], ChannelBinding())
        #expect(try challenge([.scramSHA1], ChannelBinding()) != all)
    }
}
