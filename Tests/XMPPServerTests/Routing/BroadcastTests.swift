import Testing
import XML
import XMPP

@testable import XMPPServer

@Suite("A stanza for many", .timeLimit(.minutes(10))) struct BroadcastTests {
    /// Changes what comes for juliet.
    private struct ChangingModule: ServerModule {
        static let info = ModuleInfo("test-changing", implements: [.other("tests")])

        init(host: Host, settings: NoSettings) {}

        func register(_ registrar: inout Registrar) {
            registrar.on(Hooks.presenceToAccount, .rewrite) { event in
                guard event.account?.jid.local == "juliet" else { return .go }
                event.rewrite { $0.element("presence", .client) { $0.element("status", text: "for juliet") } }
                event.append { $0.element("x", "urn:example:x") }
                return .go
            }
        }
    }

    @Test("Each gets it with their own address; what is changed for one is not for the next")
    func changes() async throws {
        let server = try await TestServer(modules: [ChangingModule.self])
        let host = try server.host()
        var clients: [TestClient] = []
        for name in ["romeo", "juliet"] {
            let client = try await server.session(name)
            try await client.send("<presence><status>mine</status></presence>")
            _ = try await client.read(until: "</presence>")
            clients.append(client)
        }
        let element = try Element(
            parsing: "<presence to='nobody' id='1'><status>for all</status></presence>", contentNamespace: .client)
        let stanza = try #require(Stanza(element))
        let addresses = try ["romeo", "juliet", "romeo"].map { try #require(JID("\($0)@example.org")) }
        let sender = try #require(JID("mercutio@example.org/m"))
        host.router.route(stanza, from: sender, toAll: addresses, host: host)
        let forAll =
            "<presence to=\"romeo@example.org\" from=\"mercutio@example.org/m\" id=\"1\">"
            + "<status>for all</status></presence>"
        for _ in 0..<2 { #expect(try await clients[0].read(until: "</presence>") == forAll) }
        #expect(
            try await clients[1].read(until: "</presence>")
                == "<presence from=\"mercutio@example.org/m\" to=\"juliet@example.org\"><status>for juliet</status>"
                + "<x xmlns=\"urn:example:x\" /></presence>")
        await server.stop()
    }
}
