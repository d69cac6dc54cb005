import Testing
import XMPP

@testable import XMPPStream

@Suite("SCRAM")
struct SCRAMTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let mechanism: SASLMechanism
        let salt: String
        let clientNonce: String
        let serverNonce: String
        let proof: String
        let signature: String
        var testDescription: String { mechanism.rawValue }
    }

    static let vectors = [
        Vector(  // RFC 5802 §5
            mechanism: .scramSHA1, salt: "QSXCR+Q6sek8bf92", clientNonce: "fyko+d2lbbFgONRv9qkxdawL",
            serverNonce: "3rfcNHYJY1ZVvWVs7j", proof: "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            signature: "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
        Vector(  // RFC 7677 §3
            mechanism: .scramSHA256, salt: "W22ZaJ0SNY7soEsUEjb6gQ==", clientNonce: "rOprNGfwEbeRWgbNEkqO",
            serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            signature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
    ]

    @Test("the RFCs' examples come out byte for byte", arguments: vectors)
    func example(_ vector: Vector) throws {
        let hash = try #require(vector.mechanism.scramHash)
        let salt = try #require(Base64.decode(vector.salt))
        let credential = try #require(
            SCRAMCredential(password: "pencil", hash: hash, salt: salt, iterations: 4096))
        let script = ScriptedAuthentication(nonce: vector.serverNonce)
        #expect(
            script.auth(vector.mechanism, message: "n,,n=user,r=\(vector.clientNonce)")
                == "find user \(hash.rawValue)")
        let nonce = vector.clientNonce + vector.serverNonce
        let serverFirst = "r=\(nonce),s=\(vector.salt),i=4096"
        #expect(script.found(credential) == "challenge \(serverFirst)")
        #expect(
            script.response(message: "c=biws,r=\(nonce),p=\(vector.proof)") == "success user v=\(vector.signature)")
    }

    @Test(
        "a client signs in, with the initial response or after an empty challenge",
        arguments: [
            SASLMechanism.scramSHA1, .scramSHA256,
        ])
    func signIn(_ mechanism: SASLMechanism) throws {
        let hash = try #require(mechanism.scramHash)
        let client = SCRAMClient(hash: hash, header: "n,a=romeo@example.org,")
        let script = ScriptedAuthentication()
        #expect(script.auth(mechanism.rawValue, nil) == "challenge ")
        #expect(script.response(message: client.first) == "find romeo \(hash.rawValue)")
        let last = try #require(client.last(script.found(try .romeo(hash)), extensions: ",x=unknown"))
        #expect(script.response(message: last).hasPrefix("success romeo v="))
        #expect(script.response(message: last) == "failure malformed-request")
    }

    @Test(
        "each type of channel binding is verified against the connection's data",
        arguments: ChannelBindingType.allCases)
    func channelBinding(_ type: ChannelBindingType) throws {
        let binding = ChannelBinding([.tlsExporter: Array("exported".utf8), .tlsServerEndPoint: Array("hash".utf8)])
        let data = try #require(binding.data[type])
        for shown in [data, Array("of another channel".utf8), []] {
            let client = SCRAMClient(header: "p=\(type.rawValue),,", bindingData: shown)
            let script = ScriptedAuthentication(binding: binding)
            #expect(script.auth(.scramSHA256Plus, message: client.first) == "find romeo SHA-256")
            let last = try #require(client.last(script.found(try .romeo())))
            let outcome = script.response(message: last)
            #expect(shown == data ? outcome.hasPrefix("success romeo") : outcome == "failure not-authorized")
        }
    }

    @Test(
        "the flag and the mechanism must agree with what was offered",
        arguments: [
            ("SCRAM-SHA-256", "y,,", true, "failure mechanism-too-weak"),
            ("SCRAM-SHA-256", "y,,", false, "find romeo SHA-256"),
            ("SCRAM-SHA-256", "n,,", true, "find romeo SHA-256"),
            ("SCRAM-SHA-256", "p=tls-exporter,,", true, "failure malformed-request"),
            ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,", true, "find romeo SHA-256"),
            ("SCRAM-SHA-256-PLUS", "p=tls-unique,,", true, "failure malformed-request"),
            ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", true, "failure malformed-request"),
            ("SCRAM-SHA-256-PLUS", "n,,", true, "failure malformed-request"),
            ("SCRAM-SHA-256-PLUS", "y,,", true, "failure mechanism-too-weak"),
            ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,", false, "failure invalid-mechanism"),
        ])
    func downgrade(mechanism: String, header: String, bound: Bool, outcome: String) {
        let binding = bound ? ChannelBinding([.tlsExporter: [1, 2, 3]]) : ChannelBinding()
        let script = ScriptedAuthentication(binding: binding)
        #expect(script.auth(mechanism, Base64.encode(Array("\(header)n=romeo,r=client".utf8))) == outcome)
    }

    @Test(
        "first messages that are refused",
        arguments: [
            ("", "malformed-request"),
            ("n", "malformed-request"),
            ("n,", "malformed-request"),
            ("n,,", "malformed-request"),
            ("n,,n=romeo", "malformed-request"),
            ("n,,n=romeo,", "malformed-request"),
            ("n,,n=romeo,r=", "malformed-request"),
            ("n,,r=client,n=romeo", "malformed-request"),
            ("n,,n=,r=client", "malformed-request"),
            ("n,,n=ro=meo,r=client", "malformed-request"),
            ("n,,n=ro=2cmeo,r=client", "malformed-request"),
            ("n,,n=romeo=,r=client", "malformed-request"),
            ("n,,n=romeo,r=cli ent", "malformed-request"),
            ("n,,n=romeo,r=clïent", "malformed-request"),
            ("n,,m=must,n=romeo,r=client", "malformed-request"),
            ("n,,n=romeo,r=client,m=must", "malformed-request"),
            ("n,,n=romeo,r=client,n=juliet", "malformed-request"),
            ("n,,n=romeo,r=client,x", "malformed-request"),
            ("n,,n=romeo,r=client,1=x", "malformed-request"),
            ("n,,n=romeo\0,r=client", "malformed-request"),
            ("x,,n=romeo,r=client", "malformed-request"),
            ("nn,,n=romeo,r=client", "malformed-request"),
            ("p=,,n=romeo,r=client", "malformed-request"),
            ("p=a b,,n=romeo,r=client", "malformed-request"),
            ("n,romeo,n=romeo,r=client", "malformed-request"),
            ("n,a=,n=romeo,r=client", "malformed-request"),
            ("n,a=juliet,n=romeo,r=client", "invalid-authzid"),
            ("n,a=romeo@elsewhere.example,n=romeo,r=client", "invalid-authzid"),
            ("n,a=romeo@example.org/balcony,n=romeo,r=client", "invalid-authzid"),
            ("n,,n=romeo@elsewhere.example,r=client", "not-authorized"),
            ("n,,n=ro meo,r=client", "not-authorized"),
            ("n,,n=ro=2Cmeo=3D@,r=client", "not-authorized"),
        ])
    func refusedFirst(message: String, failure: String) {
        let script = ScriptedAuthentication()
        let outcome =
            message.isEmpty
            ? script.auth("SCRAM-SHA-256", "=") : script.auth(.scramSHA256, message: message)
        #expect(outcome == "failure \(failure)")
        #expect(script.auth(.scramSHA256, message: "n,,n=romeo,r=client") == "find romeo SHA-256")
    }

    @Test("escapes in a name stand for a comma and an equals sign")
    func escapes() {
        let script = ScriptedAuthentication()
        #expect(script.auth(.scramSHA1, message: "n,,n=a=2Cb=3Dc=3D2C,r=client") == "find a,b=c=2c SHA-1")
    }

    @Test(
        "last messages that are refused",
        arguments: [
            ("", "malformed-request"),
            ("c=biws,r=clientserver", "malformed-request"),
            ("r=clientserver,c=biws,p=AAAA", "malformed-request"),
            ("c=biws,r=clientserver,p=AAAA,x=after", "malformed-request"),
            ("c=biws,r=clientserver,m=must,p=AAAA", "malformed-request"),
            ("c=biws,r=clientserver,p=AAA", "malformed-request"),
            ("c=!,r=clientserver,p=AAAA", "malformed-request"),
            ("c=biws,r=clientserver,p=AAAA", "not-authorized"),
            ("c=biws,r=clientserver,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not-authorized"),
        ])
    func refusedLast(message: String, failure: String) throws {
        let script = ScriptedAuthentication()
        _ = script.auth(.scramSHA256, message: SCRAMClient().first)
        #expect(script.found(try .romeo()).hasPrefix("challenge r=clientserver,"))
        #expect(script.response(message: message) == "failure \(failure)")
    }

    @Test("a good proof does not help a wrong nonce, header or password")
    func wrongLast() throws {
        func outcome(_ client: SCRAMClient, nonce: String? = nil, header: String? = nil) throws -> String {
            let script = ScriptedAuthentication()
            _ = script.auth(.scramSHA256, message: client.first)
            var answering = client
            answering.header = header ?? client.header
            let last = try #require(answering.last(script.found(try .romeo()), nonce: nonce))
            return script.response(message: last)
        }
        #expect(try outcome(SCRAMClient()).hasPrefix("success"))
        #expect(try outcome(SCRAMClient(), nonce: "client") == "failure not-authorized")
        #expect(try outcome(SCRAMClient(), nonce: "clientserver2") == "failure not-authorized")
        #expect(try outcome(SCRAMClient(), header: "y,,") == "failure not-authorized")
        #expect(try outcome(SCRAMClient(password: "therefore")) == "failure not-authorized")
        #expect(try outcome(SCRAMClient(hash: .sha1)) == "failure not-authorized")
    }

    @Test("no byte of the last message can change, go or be added")
    func everyByte() throws {
        let credential = try SCRAMCredential.romeo()
        func challenged() -> (ScriptedAuthentication, String) {
            let script = ScriptedAuthentication()
            _ = script.auth(.scramSHA256, message: SCRAMClient().first)
            return (script, script.found(credential))
        }
        let last = Array(try #require(SCRAMClient().last(challenged().1)).utf8)
        for index in last.indices {
            for byte: UInt8 in [0, UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "A"), last[index] ^ 1, 0xFF] {
                var changed = last
                changed[index] = byte
                var added = last
                added.insert(byte, at: index)
                for message in [changed, added, Array(last[..<index])] where message != last {
                    let outcome = challenged().0.response(Base64.encode(message))
                    #expect(outcome.hasPrefix("failure "))
                }
            }
        }
        #expect(challenged().0.response(Base64.encode(last)).hasPrefix("success romeo"))
    }

    @Test("a nonce of its own for every attempt")
    func freshNonces() throws {
        let exchange = SASLExchange(offered: [.scramSHA1], binding: ChannelBinding(), host: "example.org")
        var nonces: Set<String> = []
        for _ in 0..<10 {
            _ = exchange.started(
                mechanism: "SCRAM-SHA-1", initialResponse: Base64.encode(Array("n,,n=romeo,r=c".utf8)))
            guard case .challenge(let bytes) = exchange.credentialFound(try .romeo(.sha1)) else { continue }
            nonces.insert(String(decoding: bytes, as: UTF8.self))
            _ = exchange.aborted()
        }
        #expect(nonces.count == 10)
        #expect(nonces.allSatisfy { $0.utf8.count > 32 })
    }
}
