import Testing
import XMPP

@testable import XMPPStream

@Suite("Sign-ins of a stream") struct SignInTests {
    @Test(
        "A mechanism that is not offered is not accepted",
        arguments: SASLMechanism.allCases.filter { $0 != .scramSHA256 })
    func notOffered(_ mechanism: SASLMechanism) {
        let stream = ScriptedNegotiation(.example(mechanisms: [.scramSHA256]), layer: .secured)
        _ = stream.header()
        #expect(stream.auth(mechanism, message: "\0romeo\0wherefore") == "failure invalid-mechanism")
    }

    @Test("Channel binding is accepted only where the connection has one")
    func bindingThatIsNotThere() {
        let stream = ScriptedNegotiation(.example(mechanisms: [.scramSHA256Plus, .scramSHA256]), layer: .secured)
        _ = stream.header()
        #expect(
            stream.auth(.scramSHA256Plus, message: "p=tls-exporter,,n=romeo,r=client") == "failure invalid-mechanism")
    }

    @Test("What a stream in clear offered does not hold on TLS")
    func exchangeInClear() {
        let settings = NegotiationSettings.example(mechanisms: [.scramSHA256Plus, .scramSHA256]) {
            $0.requiresTLS = false
        }
        let stream = ScriptedNegotiation(settings)
        _ = stream.header()
        #expect(stream.auth(.scramSHA256, message: "n,,n=romeo,r=client") == "find romeo SHA-256")
        #expect(stream.answer(.refused(.temporaryAuthFailure)) == "failure temporary-auth-failure")
        #expect(stream.element(Samples.startTLS) == "start TLS")
        stream.tlsEstablished(ChannelBinding([.tlsExporter: Array(repeating: 7, count: 32)]))
        _ = stream.header()
        #expect(
            stream.auth(.scramSHA256Plus, message: "p=tls-exporter,,n=romeo,r=client") == "find romeo SHA-256")
    }

    @Test("The session is that of the account that signed in, whatever it asks for")
    func authorizationIdentity() {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        #expect(stream.auth(.plain, message: "juliet\0romeo\0wherefore") == "password romeo wherefore")
        #expect(stream.answer(.verified("romeo")) == "failure invalid-authzid")
        #expect(stream.signedIn == nil)
        #expect(stream.auth(.plain, message: "romeo@example.org\0romeo\0wherefore") == "password romeo wherefore")
        #expect(stream.answer(.verified("romeo")) == "success romeo -")
        #expect(stream.signedIn == "romeo@example.org")
    }

    @Test("What a sign-in has learned is gone when it fails", arguments: [false, true])
    func nothingIsLeft(_ bySASL2: Bool) {
        let stream = ScriptedNegotiation(.example { $0.offersSASL2 = bySASL2 }, layer: .secured)
        _ = stream.header()
        func signIn(_ message: String) -> String {
            guard bySASL2 else { return stream.auth(.plain, message: message) }
            return stream.element(
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>"
                    + "\(Base64.encode(Array(message.utf8)))</initial-response></authenticate>")
        }
        #expect(signIn("juliet\0romeo\0wherefore") == "password romeo wherefore")
        let token = VerifiedToken(user: "romeo", digest: [1], grant: nil)
        #expect(stream.answer(.token(token)) == "failure invalid-authzid")
        #expect(stream.signedIn == nil)
        #expect(signIn("\0romeo\0wherefore") == "password romeo wherefore")
        #expect(stream.answer(.verified("romeo")) == "success romeo -")
        #expect(stream.client?.token == nil)
        #expect(stream.client?.account != nil)
    }

    @Test("The client is known until its session knows it")
    func clientIsHandedOver() {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        _ = stream.auth(.plain, message: "\0romeo\0wherefore")
        let token = VerifiedToken(user: "romeo", digest: [1], grant: nil)
        #expect(stream.answer(.token(token)) == "success romeo -")
        #expect(stream.client?.token == token)
        _ = stream.header()
        #expect(stream.client?.token == token)
        #expect(stream.element(Samples.bind) == "bind b -")
        #expect(stream.client?.token == token)
        stream.resourceBound()
        #expect(stream.signedIn == nil)
    }

    // MARK: How often

    @Test(arguments: [1, 2, 3, 5])
    func wrongPasswordsAreCounted(_ attempts: Int) {
        let stream = ScriptedNegotiation(.example { $0.attempts = attempts }, layer: .secured)
        _ = stream.header()
        for attempt in 1...attempts {
            #expect(stream.auth(.plain, message: "\0romeo\0guess") == "password romeo guess")
            #expect(stream.answer(.refused(.notAuthorized)) == "failure not-authorized")
            #expect(stream.mayTryAgain == (attempt < attempts))
            #expect(stream.isClosing == (attempt == attempts))
        }
        #expect(stream.auth(.plain, message: "\0romeo\0wherefore") == "ignore")
    }

    @Test("The count goes on from clear to TLS")
    func countIsKept() {
        let stream = ScriptedNegotiation(
            .example {
                $0.attempts = 2
                $0.requiresTLS = false
            })
        _ = stream.header()
        _ = stream.auth(.plain, message: "\0romeo\0guess")
        _ = stream.answer(.refused(.notAuthorized))
        _ = stream.element(Samples.startTLS)
        stream.tlsEstablished()
        _ = stream.header()
        _ = stream.auth(.plain, message: "\0romeo\0guess")
        _ = stream.answer(.refused(.notAuthorized))
        #expect(!stream.mayTryAgain)
    }

    @Test("What tested no secret is not counted, but there are ten exchanges at most")
    func exchangesAreBounded() {
        let stream = ScriptedNegotiation(.example { $0.attempts = 1 }, layer: .secured)
        _ = stream.header()
        for exchange in 1...10 {
            let failure =
                switch exchange % 3 {
                case 0: stream.element(Samples.abort)
                case 1: stream.auth(.oauthBearer, message: "x")
                default: stream.element(Samples.response)
                }
            #expect(failure.hasPrefix("failure "))
            #expect(stream.mayTryAgain == (exchange < 10))
        }
        #expect(stream.isClosing)
    }

    @Test("A stream in clear that asks again and again ends as well")
    func encryptionRequired() {
        let stream = ScriptedNegotiation(.example())
        _ = stream.header()
        for _ in 1...10 { #expect(stream.element(Samples.auth) == "failure encryption-required") }
        #expect(stream.isClosing)
    }
}
