import Testing

@testable import XMPPStream

@Suite("Secrets")
struct SecretsTests {
    @Test("a redacted value is never printed")
    func redacted() {
        let secret = Redacted("wherefore")
        var dumped = ""
        dump(secret, to: &dumped)
        let action = SASLAction.verifyPassword(user: "romeo", password: secret)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\(action)", "\([secret])"] {
            #expect(text.contains("redacted"))
            #expect(!text.contains("wherefore"))
        }
        #expect(secret.value == "wherefore")
    }

    @Test("comparison sees every byte and the length")
    func comparison() {
        let secret = SecureRandom.bytes(32)
        #expect(constantTimeEquals(secret, secret))
        #expect(constantTimeEquals([], []))
        #expect(!constantTimeEquals(secret, Array(secret.dropLast())))
        for index in secret.indices {
            var other = secret
            other[index] ^= 1
            #expect(!constantTimeEquals(secret, other))
        }
    }

    @Test("random bytes and text have the length asked for")
    func random() {
        for count in 0...40 {
            #expect(SecureRandom.bytes(count).count == count)
            #expect(SecureRandom.text(length: count).utf8.count == count)
        }
        #expect(SecureRandom.bytes(16) != SecureRandom.bytes(16))
        #expect(Set(SecureRandom.text(length: 10_000)).count == 64)
    }
}
