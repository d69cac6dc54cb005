import Testing
import XMPP

@testable import XMPPStream

@Suite("Sign-in by XEP-0388: what the state machine does") struct SASL2Tests {
    private static let plain = Base64.encode(Array("\0romeo\0wherefore".utf8))
    private static let next = "<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/>"

    private func stream(layer: StreamStateMachine.Layer = .secured) -> ScriptedNegotiation {
        let stream = ScriptedNegotiation(
            .example {
                $0.offersSASL2 = true
                $0.offersFAST = true
            }, layer: layer)
        _ = stream.header()
        return stream
    }

    private func authenticate(
        _ mechanism: String = "PLAIN", _ content: String = "", response: String = plain
    ) -> String {
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='\(mechanism)'>"
            + "<initial-response>\(response)</initial-response>\(content)</authenticate>"
    }

    private func taskData(_ bytes: Int) -> String {
        let hash = Base64.encode([UInt8](repeating: 7, count: bytes))
        return "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>\(hash)</hash></task-data>"
    }

    @Test func withoutBinding() {
        let stream = stream()
        #expect(stream.element(authenticate()) == "password romeo wherefore")
        #expect(stream.answer(.verified("romeo")) == "success romeo -")
        stream.finished(isBound: false)
        #expect(stream.signedIn == "romeo@example.org")
        #expect(stream.element(Samples.bind) == "bind b -")
    }

    @Test func withBinding() {
        let stream = stream()
        _ = stream.element(authenticate())
        _ = stream.answer(.verified("romeo"))
        stream.finished(isBound: true)
        #expect(stream.isBound)
    }

    @Test("Nothing is served between the exchange and its success", arguments: Samples.all)
    func between(_ sample: String) {
        let stream = stream()
        _ = stream.element(authenticate())
        _ = stream.answer(.verified("romeo"))
        #expect(stream.element(sample) == "close not-authorized")
        #expect(stream.isClosing)
    }

    @Test("Before TLS there is no such sign-in")
    func inClear() {
        #expect(stream(layer: .plain).element(authenticate()) == "close not-authorized")
    }

    @Test("Responses belong to the form in which the sign-in began")
    func mixedForms() {
        let stream = stream()
        let scram = Base64.encode(Array("n,,n=romeo,r=x".utf8))
        #expect(stream.element(authenticate("SCRAM-SHA-256", response: scram)) == "find romeo SHA-256")
        #expect(stream.element(Samples.response) == "close not-authorized")
    }

    @Test("What cannot be finished has failed, and can be tried again")
    func failed() {
        let stream = stream()
        _ = stream.element(authenticate())
        _ = stream.answer(.verified("romeo"))
        #expect(stream.failed() == "failure temporary-auth-failure")
        #expect(stream.signedIn == nil)
        #expect(stream.element(authenticate()) == "password romeo wherefore")
    }

    @Test("Features of another time are refused, and count for nothing but the number of tries")
    func outdated() {
        let stream = stream()
        stream.featuresSent(version: "now")
        let old = authenticate(content: "<config-version xmlns='urn:xmpp:iap:0' value='then'/>")
        for _ in 0..<9 { #expect(stream.element(old) == "refuse outdated") }
        #expect(stream.mayTryAgain)
        #expect(stream.element(old) == "refuse outdated")
        #expect(stream.isClosing)
    }

    private func authenticate(content: String) -> String { authenticate("PLAIN", content) }

    @Test func tasks() {
        let stream = stream()
        _ = stream.element(authenticate())
        _ = stream.answer(.verified("romeo"))
        #expect(stream.upgrade([]) == "nothing")
        #expect(stream.upgrade([.sha256, .sha1], data: Array("v=x".utf8)) == "task SHA-256 v=x")
        #expect(stream.element(Self.next) == "salt 16 4096")
        #expect(stream.element(taskData(32)) == "keep SHA-256 4096")
        #expect(stream.taskEnded() == "task SHA-1 -")
        #expect(stream.element(Self.next.replacing("256", with: "1")) == "salt 16 4096")
        #expect(stream.element(taskData(20)) == "keep SHA-1 4096")
        #expect(stream.taskEnded() == "finish")
        stream.finished(isBound: true)
        #expect(stream.isBound)
    }

    @Test("A task that fails fails the sign-in")
    func failedTasks() {
        let wrong: [(ScriptedNegotiation) -> String] = [
            { $0.element(self.taskData(32)) },
            { $0.element("<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-1'/>") },
            { $0.element(Self.next) + $0.element(self.taskData(31)) },
            { $0.element(Self.next) + $0.element(Self.next) },
            { $0.element("<abort xmlns='urn:xmpp:sasl:2'/>") },
            { $0.element(Self.next) + $0.element(self.taskData(32)) + $0.taskEnded(.failure(.temporaryAuthFailure)) },
        ]
        for act in wrong {
            let stream = stream()
            _ = stream.element(authenticate())
            _ = stream.answer(.verified("romeo"))
            _ = stream.upgrade([.sha256])
            let actions = act(stream)
            #expect(actions.contains("failure"), "\(actions)")
            #expect(stream.signedIn == nil)
            #expect(stream.element(authenticate()) == "password romeo wherefore")
        }
    }

    @Test("A key that a client salts itself is that of its password")
    func salted() throws {
        let salt = Array("saltsaltsaltsalt".utf8)
        let salted = try #require(SCRAMHash.sha256.saltedPassword(Array("wherefore".utf8), salt: salt, iterations: 16))
        let credential = SCRAMCredential(saltedPassword: salted, hash: .sha256, salt: salt, iterations: 16)
        #expect(credential == (try .romeo()))
        let short = SCRAMCredential(
            saltedPassword: Array(salted.dropLast()), hash: .sha256, salt: salt, iterations: 16)
        #expect(short == nil)
    }
}
