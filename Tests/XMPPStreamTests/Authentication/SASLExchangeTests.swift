import Testing
import XMPP

@testable import XMPPStream

@Suite("SASL exchange")
struct SASLExchangeTests {
    @Test("only what was offered is accepted, in order of preference", arguments: SASLMechanism.allCases)
    func offered(_ mechanism: SASLMechanism) {
        let others = ScriptedAuthentication(
            SASLMechanism.allCases.filter { $0 != mechanism }, binding: ChannelBinding([.tlsExporter: [1]]))
        #expect(others.auth(mechanism.rawValue, nil) == "failure invalid-mechanism")
        #expect(!others.offered.contains(mechanism))
        let all = ScriptedAuthentication(SASLMechanism.allCases.reversed())
        #expect(all.offered == [.scramSHA256, .scramSHA1, .oauthBearer, .messengerOAuth2, .plain])
        for unknown in ["", "plain", "ANONYMOUS", "EXTERNAL", "SCRAM-SHA-512"] {
            #expect(all.auth(unknown, nil) == "failure invalid-mechanism")
        }
    }

    @Test("On TLS 1.2 only clients that know XEP-0388 are offered channel binding")
    func oldBinding() throws {
        let binding = ChannelBinding([.tlsServerEndPoint: [1]])
        let old = ScriptedAuthentication(binding: binding)
        #expect(old.offered == [.scramSHA256, .scramSHA1, .oauthBearer, .messengerOAuth2, .plain])
        #expect(old.auth(.scramSHA1Plus, message: "p=tls-unique,,n=romeo,r=c") == "failure invalid-mechanism")
        #expect(old.auth(.scramSHA1, message: "y,,n=romeo,r=c") == "find romeo SHA-1")
        let new = ScriptedAuthentication(binding: binding, bySASL2: true)
        #expect(new.auth(.scramSHA1, message: "y,,n=romeo,r=c") == "failure mechanism-too-weak")
        #expect(new.auth(.scramSHA1Plus, message: "p=tls-server-end-point,,n=romeo,r=c") == "find romeo SHA-1")
        let latest = ScriptedAuthentication(binding: ChannelBinding([.tlsServerEndPoint: [1], .tlsExporter: [2]]))
        #expect(latest.auth(.scramSHA1Plus, message: "p=tls-exporter,,n=romeo,r=c") == "find romeo SHA-1")
    }

    @Test("X-MESSENGER-OAUTH2 asks for the token that did not come along")
    func tokenInResponse() {
        let script = ScriptedAuthentication()
        #expect(script.auth("X-MESSENGER-OAUTH2", nil) == "challenge ")
        #expect(script.response("EwB=") == "token EwB= -")
        let empty = ScriptedAuthentication()
        #expect(empty.auth("X-MESSENGER-OAUTH2", nil) == "challenge ")
        #expect(empty.response("") == "failure not-authorized")
    }

    @Test("A proof is not tested before that is allowed")
    func untested() throws {
        let exchange = SASLExchange(
            offered: [.scramSHA256], binding: ChannelBinding(), host: "example.org", nonce: { "server" })
        let client = SCRAMClient()
        _ = exchange.started(
            mechanism: "SCRAM-SHA-256", initialResponse: Base64.encode(Array(client.first.utf8)))
        let challenge = ScriptedAuthentication.describe(exchange.credentialFound(try .romeo()))
        let last = try #require(client.last(challenge))
        let asked = ScriptedAuthentication.describe(exchange.responded(Base64.encode(Array(last.utf8))))
        #expect(asked == "test romeo")
        let refused = ScriptedAuthentication.describe(exchange.refused(.temporaryAuthFailure))
        #expect(refused == "failure temporary-auth-failure")
        #expect(ScriptedAuthentication.describe(exchange.mayTest()) == "ignore")
    }

    @Test("PLAIN asks for the password to be verified and signs in as its account")
    func plain() {
        let script = ScriptedAuthentication()
        #expect(script.auth(.plain, message: "\0romeo\0where fore") == "password romeo where fore")
        #expect(script.verified("romeo") == "success romeo -")
        #expect(script.verified("juliet") == "ignore")
        #expect(script.auth(.plain, message: "\0juliet\0x") == "failure malformed-request")

        let later = ScriptedAuthentication()
        #expect(later.auth("PLAIN", "") == "challenge ")
        #expect(later.response(message: "\0romeo@example.org\0wherefore") == "password romeo wherefore")
        #expect(later.refused(.accountDisabled) == "failure account-disabled")
        #expect(later.auth(.plain, message: "\0romeo\0wherefore") == "password romeo wherefore")
    }

    @Test(
        "PLAIN messages that are refused",
        arguments: [
            ("romeo\0wherefore", "malformed-request"),
            ("\0romeo\0", "malformed-request"),
            ("\0\0wherefore", "malformed-request"),
            ("\0romeo\0where\0fore", "malformed-request"),
            ("\0romeo@elsewhere.example\0wherefore", "not-authorized"),
            ("\0romeo@example.org/balcony\0wherefore", "not-authorized"),
            ("\0@example.org\0wherefore", "not-authorized"),
            ("\0ro/meo\0wherefore", "not-authorized"),
        ])
    func refusedPlain(message: String, failure: String) {
        #expect(ScriptedAuthentication().auth(.plain, message: message) == "failure \(failure)")
    }

    @Test(
        "the session is the authenticated account's or nobody's",
        arguments: [
            ("", true), ("romeo", true), ("ROMEO", true), ("romeo@example.org", true), ("romeo@EXAMPLE.ORG", true),
            ("juliet", false), ("juliet@example.org", false), ("romeo@elsewhere.example", false),
            ("romeo@example.org/balcony", false), ("example.org", false), ("@example.org", false),
            ("romeo@", false), ("romeo@example.org@example.org", false), ("admin", false), (" ", false),
        ])
    func authorizationIdentity(identity: String, isRomeo: Bool) throws {
        var outcomes: [String] = []
        let plain = ScriptedAuthentication()
        #expect(plain.auth(.plain, message: "\(identity)\0romeo\0wherefore") == "password romeo wherefore")
        outcomes.append(plain.verified("romeo"))

        let header = identity.isEmpty ? "n,," : "n,a=\(identity),"
        let bearer = ScriptedAuthentication()
        let asked = bearer.auth(.oauthBearer, message: "\(header)\u{1}auth=Bearer abc\u{1}\u{1}")
        outcomes.append(asked.hasPrefix("token abc") ? bearer.verified("romeo") : asked)

        let scram = ScriptedAuthentication()
        let client = SCRAMClient(header: header)
        let found = scram.auth(.scramSHA256, message: client.first)
        if found == "find romeo SHA-256" {
            let last = try #require(client.last(scram.found(try .romeo())))
            outcomes.append(scram.response(message: last))
        } else {
            outcomes.append(found)
        }
        for outcome in outcomes {
            #expect(isRomeo ? outcome.hasPrefix("success romeo ") : outcome == "failure invalid-authzid")
        }
    }

    @Test("text that is not base64 is incorrect encoding", arguments: ["!", "AAA", "AA=A", "AAAA\n", " AAAA", "AB=="])
    func encoding(_ text: String) {
        for mechanism in [SASLMechanism.plain, .oauthBearer, .scramSHA1, .scramSHA256] {
            let script = ScriptedAuthentication()
            #expect(script.auth(mechanism.rawValue, text) == "failure incorrect-encoding")
            #expect(script.auth(mechanism.rawValue, nil) == "challenge ")
            #expect(script.response(text) == "failure incorrect-encoding")
        }
    }

    @Test(
        "bytes that are not UTF-8 are malformed",
        arguments: [
            SASLMechanism.plain, .oauthBearer, .scramSHA1, .scramSHA256,
        ])
    func notUnicode(_ mechanism: SASLMechanism) {
        let messages: [[UInt8]] = [
            [0, 0xFF, 0, 0x61], [0, 0x61, 0, 0xC0, 0x80], [0xFF], Array("n,,n=".utf8) + [0xFF] + Array(",r=c".utf8),
            Array("n,a=".utf8) + [0xC3] + Array(",\u{1}auth=Bearer x\u{1}\u{1}".utf8),
            Array("n,,\u{1}auth=Bearer ".utf8) + [0xC3, 1, 1],
        ]
        for message in messages {
            let script = ScriptedAuthentication()
            #expect(script.auth(mechanism.rawValue, Base64.encode(message)) == "failure malformed-request")
        }
    }

    @Test("text past the bound is malformed", arguments: SASLMechanism.allCases)
    func tooLong(_ mechanism: SASLMechanism) {
        let script = ScriptedAuthentication(binding: ChannelBinding([.tlsExporter: [1]]))
        let text = String(repeating: "A", count: SASLExchange.longestText + 4)
        #expect(script.auth(mechanism.rawValue, text) == "failure malformed-request")
    }

    @Test("R18: a response before auth is malformed, an abort is aborted, at every point")
    func outOfOrder() throws {
        let script = ScriptedAuthentication()
        #expect(script.response("") == "failure malformed-request")
        #expect(script.response("AAAA") == "failure malformed-request")
        #expect(script.abort() == "failure aborted")
        #expect(script.auth("PLAIN", nil) == "challenge ")
        #expect(script.abort() == "failure aborted")
        #expect(script.response("AAAA") == "failure malformed-request")
        #expect(script.auth("PLAIN", nil) == "challenge ")
        #expect(script.auth("PLAIN", nil) == "failure malformed-request")
        _ = script.auth(.scramSHA256, message: SCRAMClient().first)
        _ = script.found(try .romeo())
        #expect(script.abort() == "failure aborted")
        #expect(script.auth(.plain, message: "\0romeo\0wherefore") == "password romeo wherefore")
    }

    @Test("an answer that comes after its attempt was aborted reaches no other attempt")
    func lateAnswer() throws {
        let starts: [(ScriptedAuthentication) -> String] = [
            { $0.auth(.plain, message: "\0romeo\0wherefore") },
            { $0.auth(.scramSHA256, message: SCRAMClient().first) },
            { $0.auth("X-MESSENGER-OAUTH2", "EwBA") },
        ]
        for start in starts {
            let script = ScriptedAuthentication()
            _ = start(script)
            #expect(script.abort() == "failure aborted")
            #expect(script.auth(.plain, message: "\0juliet\0x") == "failure malformed-request")
            #expect(script.verified("romeo") == "ignore")
            #expect(script.found(try .romeo()) == "ignore")
            #expect(script.refused(.notAuthorized) == "ignore")
        }
    }

    @Test("a credential of another hash is our failure, not the client's")
    func wrongHash() throws {
        let script = ScriptedAuthentication()
        _ = script.auth(.scramSHA256, message: SCRAMClient().first)
        #expect(script.found(try .romeo(.sha1)) == "failure temporary-auth-failure")
        _ = script.auth(.scramSHA256, message: SCRAMClient().first)
        #expect(script.refused(.temporaryAuthFailure) == "failure temporary-auth-failure")
    }

    @Test("tls-server-end-point hashes the certificate as its signature does, never with less than SHA-256")
    func serverEndPoint() {
        let leaf = Array("certificate".utf8)
        let lengths = ChannelBinding.SignatureHash.allCases.map {
            ChannelBinding.serverEndPoint(leafDER: leaf, signatureHash: $0)?.count
        }
        #expect(lengths == [32, 32, 32, 48, 64, nil])
        let binding = ChannelBinding([.tlsServerEndPoint: [1], .tlsExporter: [2]])
        #expect(binding.types == [.tlsExporter, .tlsServerEndPoint])
    }
}
