import Testing
import XMPP

@testable import XMPPStream

@Suite("The negotiation of a stream, step by step") struct StreamStateMachineTests {
    @Test func startTLSThenSignInThenBind() {
        let stream = ScriptedNegotiation(.example())
        #expect(!stream.hasOpenStream)
        #expect(stream.header() == "open plain")
        #expect(stream.hasOpenStream)
        #expect(stream.element(Samples.startTLS) == "start TLS")
        #expect(!stream.hasOpenStream)
        stream.tlsEstablished()
        #expect(stream.header() == "open secured")
        #expect(stream.auth(.plain, message: "\0romeo\0wherefore") == "password romeo wherefore")
        #expect(stream.signedIn == nil)
        #expect(stream.answer(.verified("romeo")) == "success romeo -")
        #expect(stream.signedIn == "romeo@example.org")
        #expect(!stream.hasOpenStream)
        #expect(stream.header() == "open authenticated")
        #expect(stream.element(Samples.bind) == "bind b -")
        #expect(!stream.isBound)
        stream.resourceBound()
        #expect(stream.isBound)
        #expect(stream.element(Samples.acknowledgement) == "modules r authenticated, else unsupported-stanza-type")
    }

    @Test func directTLS() {
        let stream = ScriptedNegotiation(.example())
        stream.tlsEstablished()
        #expect(stream.header() == "open secured")
        #expect(stream.signIn() == "success romeo -")
        #expect(stream.header() == "open authenticated")
    }

    @Test func askedForResource() {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        _ = stream.signIn()
        _ = stream.header()
        let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        #expect(stream.element("<iq type='set'>\(bind)</bind></iq>") == "refuse bind '' bad-request")
        #expect(stream.element("<iq type='set' id='1'>\(bind)<resource/></bind></iq>") == "bind 1 -")
        stream.bindRefused()
        #expect(stream.element("<iq type='set' id='2'>\(bind)<resource>home</resource></bind></iq>") == "bind 2 home")
        stream.resourceBound()
        #expect(stream.isBound)
    }

    @Test(arguments: ["1.0", "1.1", "2.0", "10.0"])
    func versionsThatAreServed(_ version: String) {
        #expect(ScriptedNegotiation(.example()).header(version: version) == "open plain")
    }

    @Test(arguments: [nil, "", "0.9", "x", "-1.0", "99999999999999999999.0"])
    func versionsThatAreNot(_ version: String?) {
        let stream = ScriptedNegotiation(.example())
        #expect(stream.header(version: version) == "close unsupported-version")
        #expect(stream.element(Samples.startTLS) == "ignore")
    }

    @Test func unknownHost() {
        let stream = ScriptedNegotiation(.example())
        #expect(stream.header("example.com") == "close host-unknown")
        #expect(stream.isClosing)
        #expect(stream.header() == "ignore")
    }

    // MARK: What comes too early

    @Test("Before TLS nothing but <starttls/> is served", arguments: Samples.all)
    func beforeTLS(_ element: String) {
        let stream = ScriptedNegotiation(.example())
        _ = stream.header()
        switch element {
        case Samples.startTLS:
            #expect(stream.element(element) == "start TLS")
        case Samples.auth:
            #expect(stream.element(element) == "failure encryption-required")
            #expect(stream.element(Samples.startTLS) == "start TLS")
        default:
            #expect(stream.element(element) == "close not-authorized")
            #expect(stream.isClosing)
        }
        #expect(stream.signedIn == nil)
    }

    @Test("Before sign-in nothing but SASL is served", arguments: Samples.all)
    func beforeSignIn(_ element: String) {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        switch element {
        case Samples.auth:
            #expect(stream.element(element) == "password romeo wherefore")
        case Samples.response:
            #expect(stream.element(element) == "failure malformed-request")
        case Samples.abort:
            #expect(stream.element(element) == "failure aborted")
        case Samples.success:
            #expect(stream.element(element) == "close unsupported-stanza-type")
        case Samples.startTLS, Samples.proceed:
            #expect(stream.element(element) == "refuse TLS")
        default:
            #expect(stream.element(element).hasSuffix("secured, else not-authorized"))
        }
        #expect(!stream.isBound)
        #expect(stream.signedIn == nil)
    }

    @Test("While a sign-in is under way nothing else is served", arguments: Samples.all)
    func duringSignIn(_ element: String) throws {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        #expect(stream.auth(.scramSHA256, message: "n,,n=romeo,r=client") == "find romeo SHA-256")
        #expect(stream.answer(.keys(try .romeo())).hasPrefix("challenge r=client"))
        switch element {
        case Samples.abort: #expect(stream.element(element) == "failure aborted")
        case Samples.auth, Samples.response: #expect(stream.element(element) == "failure malformed-request")
        case Samples.success: #expect(stream.element(element) == "close unsupported-stanza-type")
        default: #expect(stream.element(element) == "close not-authorized")
        }
        #expect(stream.signedIn == nil)
    }

    @Test("Behind <success/> a new header must come first", arguments: Samples.all)
    func beforeRestart(_ element: String) {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        _ = stream.signIn()
        #expect(stream.element(element) == "close bad-format")
        #expect(!stream.isBound)
    }

    @Test("Between <proceed/> and TLS nothing is served", arguments: Samples.all)
    func whileSecuring(_ element: String) {
        let stream = ScriptedNegotiation(.example())
        _ = stream.header()
        _ = stream.element(Samples.startTLS)
        #expect(stream.element(element) == "close bad-format")
    }

    @Test("Before a resource is bound no stanza is served", arguments: Samples.all)
    func beforeBind(_ element: String) {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        _ = stream.signIn()
        _ = stream.header()
        switch element {
        case Samples.bind: #expect(stream.element(element) == "bind b -")
        default: #expect(stream.element(element).hasSuffix("authenticated, else not-authorized"))
        }
        #expect(!stream.isBound)
    }

    @Test("While a resource is being bound nothing is served", arguments: Samples.all)
    func whileBinding(_ element: String) {
        let stream = ScriptedNegotiation(.example(), layer: .secured)
        _ = stream.header()
        _ = stream.signIn()
        _ = stream.header()
        _ = stream.element(Samples.bind)
        #expect(stream.element(element) == "close policy-violation")
        stream.resourceBound()
        #expect(!stream.isBound)
    }

    @Test("Where there is no certificate TLS is refused")
    func noTLS() {
        let stream = ScriptedNegotiation(.example { $0.offersTLS = false })
        _ = stream.header()
        #expect(stream.element(Samples.startTLS) == "refuse TLS")
        #expect(stream.isClosing)
    }

    // MARK: The host stays

    @Test func hostIsNotChangedOnTLS() {
        let stream = ScriptedNegotiation(.example(), .example("example.com"))
        #expect(stream.header() == "open plain")
        _ = stream.element(Samples.startTLS)
        stream.tlsEstablished()
        #expect(stream.header("example.com") == "close host-unknown")
    }

    @Test func hostIsNotChangedAfterSignIn() {
        let stream = ScriptedNegotiation(.example(), .example("example.com"), layer: .secured)
        #expect(stream.header() == "open secured")
        _ = stream.signIn()
        #expect(stream.header("example.com") == "close host-unknown")
        #expect(!stream.isBound)
    }
}
