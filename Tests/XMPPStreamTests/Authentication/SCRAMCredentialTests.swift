import Testing
import XMPP

@testable import XMPPStream

@Suite("SCRAM credentials")
struct SCRAMCredentialTests {
    @Test("a credential verifies its own password alone", arguments: SCRAMHash.allCases)
    func verifies(_ hash: SCRAMHash) throws {
        let credential = try #require(SCRAMCredential.random(password: "wherefore", hash: hash, iterations: 16))
        #expect(credential.verifies(password: "wherefore"))
        #expect(!credential.verifies(password: "Wherefore"))
        #expect(!credential.verifies(password: ""))
        #expect(credential.storedKey.count == hash.byteCount)
        #expect(credential.serverKey.count == hash.byteCount)
        let other = try #require(SCRAMCredential.random(password: "wherefore", hash: hash, iterations: 16))
        #expect(other.salt != credential.salt)
    }

    @Test("no credential for an empty password, an empty salt or bad iterations")
    func refused() {
        #expect(SCRAMCredential.random(password: "", hash: .sha1, iterations: 16) == nil)
        #expect(SCRAMCredential(password: "x", hash: .sha1, salt: [], iterations: 16) == nil)
        #expect(SCRAMCredential(password: "x", hash: .sha1, salt: [1], iterations: 0) == nil)
        #expect(SCRAMCredential(password: "x", hash: .sha1, salt: [1], iterations: .max) == nil)
        #expect(SCRAMCredential(password: "a\u{7}b", hash: .sha1, salt: [1], iterations: 16) == nil)
        #expect(
            SCRAMCredential(hash: .sha1, salt: [1], iterations: 16, storedKey: [1], serverKey: [1]) == nil)
    }

    @Test("the two ways of writing an accented letter are one password")
    func normalized() throws {
        let credential = try #require(
            SCRAMCredential(password: "caf\u{E9}", hash: .sha256, salt: [1], iterations: 16))
        #expect(credential.verifies(password: "cafe\u{301}"))
    }

    /// What people type, what RFC 8265 makes of it, and what RFC 4013 makes of it.
    static let forms = [
        ("n\u{BA}1", "n\u{BA}1", "no1"), ("Haus\u{B2}", "Haus\u{B2}", "Haus2"), ("\u{FB01}sh", "\u{FB01}sh", "fish"),
        ("\u{FF50}\u{FF57}", "\u{FF50}\u{FF57}", "pw"), ("\u{2168}x", "\u{2168}x", "IXx"),
        ("a\u{3000}b", "a b", "a b"), ("wherefore", "wherefore", "wherefore"),
    ]

    @Test("clients that prepare passwords by RFC 4013 get in, and those that do so by RFC 8265", arguments: forms)
    func bothForms(_ typed: String, _ opaque: String, _ saslprep: String) throws {
        for hash in SCRAMHash.allCases {
            let credential = try #require(
                SCRAMCredential(password: typed, hash: hash, salt: Array("saltsaltsalt".utf8), iterations: 16))
            #expect((credential.otherKeys != nil) == (opaque != saslprep))
            #expect(credential.salt == Array("saltsaltsalt".utf8))
            let mechanism = hash == .sha1 ? SASLMechanism.scramSHA1 : .scramSHA256
            for (password, isRight) in [(opaque, true), (saslprep, true), (opaque + "x", false), ("x", false)] {
                #expect(credential.verifies(password: password) == isRight)
                let client = SCRAMClient(password: password, hash: hash)
                let script = ScriptedAuthentication()
                _ = script.auth(mechanism, message: client.first)
                let last = try #require(client.last(script.found(credential)))
                let outcome = script.response(message: last)
                #expect(outcome.hasPrefix("success romeo v=") == isRight)
                guard isRight else { continue }
                // The server proves that it knows the same form.
                let plain = try #require(
                    SCRAMCredential(password: password, hash: hash, salt: credential.salt, iterations: 16))
                let other = ScriptedAuthentication()
                _ = other.auth(mechanism, message: client.first)
                _ = other.found(plain)
                #expect(other.response(message: last) == outcome)
            }
        }
    }

    @Test("a decoy looks like a credential, stays the same, and lets nobody in", arguments: SCRAMHash.allCases)
    func decoy(_ hash: SCRAMHash) throws {
        let secret = SecureRandom.bytes(32)
        func decoy(_ user: String, _ secret: [UInt8]) -> SCRAMCredential {
            .decoy(user: user, hash: hash, secret: secret, iterations: 16)
        }
        let first = decoy("nobody", secret)
        let real = try #require(SCRAMCredential.random(password: "wherefore", hash: hash, iterations: 16))
        #expect(first == decoy("nobody", secret))
        #expect(first.salt != decoy("nobody2", secret).salt)
        #expect(first.salt != decoy("nobody", SecureRandom.bytes(32)).salt)
        #expect(first.salt.count == real.salt.count)
        #expect(first.iterations == real.iterations)
        #expect(first.storedKey.count == real.storedKey.count)
        #expect(first.serverKey.count == real.serverKey.count)
        #expect(!first.verifies(password: "wherefore"))

        let client = SCRAMClient(user: "nobody", hash: hash)
        let script = ScriptedAuthentication()
        let mechanism = hash == .sha1 ? SASLMechanism.scramSHA1 : .scramSHA256
        #expect(script.auth(mechanism, message: client.first) == "find nobody \(hash.rawValue)")
        let last = try #require(client.last(script.found(first)))
        #expect(script.response(message: last) == "failure not-authorized")
    }

    @Test("nothing of a credential is printed")
    func redacted() throws {
        let credential = try SCRAMCredential.romeo()
        #expect("\(credential)" == "SCRAM-SHA-256, 16 iterations, ‹redacted›")
        var dumped = ""
        dump(credential, to: &dumped)
        #expect(!dumped.contains("storedKey"))
    }
}
