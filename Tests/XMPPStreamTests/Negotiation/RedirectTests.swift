import Testing
import XMPP

@testable import XMPPStream

@Suite("Redirects, each in place of the features of its stage") struct RedirectTests {
    private func stream(_ stage: NegotiationSettings.Redirect.Stage, accounts: Set<JID>? = nil) -> ScriptedNegotiation {
        ScriptedNegotiation(
            .example { $0.redirect = .init(stage: stage, target: "node.example.org:443", accounts: accounts) })
    }

    @Test func beforeTLS() {
        let stream = stream(.beforeTLS)
        #expect(stream.header() == "redirect node.example.org:443")
        #expect(stream.isClosing)
        #expect(stream.element(Samples.startTLS) == "ignore")
        #expect(stream.header() == "ignore")
    }

    @Test("With direct TLS there is no stage before it")
    func beforeTLSOnTLS() {
        let stream = stream(.beforeTLS)
        stream.tlsEstablished()
        #expect(stream.header() == "open secured")
    }

    @Test func beforeSASL() {
        let stream = stream(.beforeSASL)
        #expect(stream.header() == "open plain")
        #expect(stream.element(Samples.startTLS) == "start TLS")
        stream.tlsEstablished()
        #expect(stream.header() == "redirect node.example.org:443")
        #expect(stream.element(Samples.auth) == "ignore")
    }

    @Test func afterSASL() {
        let stream = stream(.afterSASL)
        stream.tlsEstablished()
        #expect(stream.header() == "open secured")
        #expect(stream.signIn() == "success romeo -")
        #expect(stream.header() == "redirect node.example.org:443")
        #expect(stream.element(Samples.bind) == "ignore")
        #expect(!stream.isBound)
    }

    @Test(arguments: ["romeo@example.org", "juliet@example.org"])
    func ofSomeAccounts(_ account: String) throws {
        let stream = stream(.afterSASL, accounts: [try #require(JID(account))])
        stream.tlsEstablished()
        _ = stream.header()
        _ = stream.signIn()
        let expected = account.hasPrefix("romeo") ? "redirect node.example.org:443" : "open authenticated"
        #expect(stream.header() == expected)
    }
}
