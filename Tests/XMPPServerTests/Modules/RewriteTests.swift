import Testing
import XML
import XMPP

@testable import XMPPServer

@Suite("A stanza that is written anew", .timeLimit(.minutes(10))) struct RewriteTests {
    /// Makes something of messages that is none.
    private struct BreakingModule: ServerModule {
        static let info = ModuleInfo("test-breaking", implements: [.other("tests")])

        init(host: Host, settings: NoSettings) {}

        func register(_ registrar: inout Registrar) {
            registrar.on(Hooks.messageFromClient, .rewrite) { event in
                guard event.stanza.type == .chat else { return .go }
                event.rewrite { $0.element("body", .client, text: "nothing that travels") }
                return .go
            }
        }
    }

    @Test("Where that fails, the former one goes no further, and its sender is told")
    func failure() async throws {
        let server = try await TestServer(modules: [BreakingModule.self])
        let juliet = try await server.session("juliet")
        try await juliet.send("<presence><status>here</status></presence>")
        _ = try await juliet.read(until: "</presence>")
        let romeo = try await server.session("romeo")
        try await romeo.send("<message to='juliet@example.org' type='chat' id='1'><body>one</body></message>")
        let answer = try await romeo.read(until: "</message>")
        #expect(answer.contains("type=\"error\"") && answer.contains("<internal-server-error"))
        try await romeo.send("<message to='juliet@example.org' id='2'><body>two</body></message>")
        let received = try await juliet.read(until: "</message>")
        #expect(received.contains("two") && !received.contains("one"))
        await server.stop()
    }
}
