import Testing
import XMPPStream

@testable import XMPPServer

@Suite struct RevocationsTests {
    private func token(_ digest: UInt8, _ grant: String? = nil) -> VerifiedToken {
        VerifiedToken(user: "ann", digest: [digest], grant: grant)
    }

    @Test func tokensAreKnownByThemselvesAndByTheirGrant() {
        let revocations = Revocations()
        revocations.add(token: [1])
        revocations.add(grant: "g")
        #expect(revocations.contains(token(1)) && revocations.contains(token(2, "g")))
        #expect(!revocations.contains(token(2)) && !revocations.contains(token(2, "h")) && !revocations.contains(nil))
    }

    @Test func theLatestAreKept() {
        let revocations = Revocations()
        for number in 0..<3000 { revocations.add(grant: "\(number)") }
        #expect(revocations.contains(token(0, "2999")) && revocations.contains(token(0, "2000")))
        #expect(!revocations.contains(token(0, "0")))
    }
}
