import NIOCore
import Testing
import XMPP

@testable import TestKit
@testable import XMPPServer

/// What administrators learn of messages.
@Suite struct ExplainTests {
    private static let script = """
        client romeo/pc online
        client juliet/balcony online
        client juliet/garden online
        juliet/garden sends  <iq type="set" id="c1"><enable xmlns="urn:xmpp:carbons:2" /></iq>
        romeo/pc sends       <message to="{{juliet/balcony}}" id="m1" type="chat"><body>Secret</body></message>
        romeo/pc sends       <message to="{{nurse}}" id="m2" type="chat"><body>Secret</body></message>
        romeo/pc sends       <message to="nobody@localhost" id="m3" type="chat"><body>Secret</body></message>
        juliet/balcony sends <iq type="set" id="b1"><block xmlns="urn:xmpp:blocking"><item jid="{{romeo}}" /></block></iq>
        all ignore the rest
        client juliet/phone
        client nurse/pc
        juliet/phone sends    <enable xmlns="urn:xmpp:sm:3" />
        juliet/phone receives <enabled xmlns="urn:xmpp:sm:3" />
        nurse/pc sends        <message to="{{juliet/phone}}" id="m5" type="chat"><body>Secret</body></message>
        juliet/phone receives <message from="{{nurse/pc}}" to="{{juliet/phone}}" id="m5" type="chat">...</message>
        juliet/phone receives <r xmlns="urn:xmpp:sm:3" />
        juliet/phone sends    <a xmlns="urn:xmpp:sm:3" h="1" />
        juliet/phone closes
        clock advances 10 min
        romeo/pc sends       <message to="{{juliet}}" id="m4"><body>Secret</body></message>
        all ignore the rest
        """

    private func explain(
        _ subject: String, _ time: String? = nil, _ administration: Administration
    ) async throws -> [MessageExplanation] {
        try await administration.explain(AccountName(subject), time)
    }

    private func steps(_ message: MessageExplanation?) -> [String] {
        (message?.steps ?? []).map { step in
            [step.what, step.subject, step.condition].compactMap { $0 }.joined(separator: " ")
        }
    }

    @Test(.timeLimit(.minutes(5))) func whereMessagesWent() async throws {
        let script = try Script(name: "explain", text: Self.script)
        try await Conversation.run(script, on: .memory) { server in
            let administration = Administration(server.server)
            let m1 = try await explain("m1", nil, administration)
            #expect(m1.count == 1)
            #expect(m1.first?.from == "romeo@localhost/pc" && m1.first?.to == "juliet@localhost/balcony")
            #expect(m1.first?.type == "chat" && m1.first?.receivedAt == "2012-04-26T10:00:00Z")
            let went = steps(m1.first)
            #expect(went.contains("delivered juliet@localhost/balcony"))
            #expect(went.contains("copied juliet@localhost/garden"))
            #expect(went.contains("archived juliet@localhost") && went.contains("archived romeo@localhost"))
            #expect(steps(try await explain("m2", nil, administration).first).contains("kept offline"))
            #expect(
                steps(try await explain("m3", nil, administration).first).contains("refused service-unavailable"))
            #expect(
                steps(try await explain("m4", nil, administration).first)
                    .contains("refused blocking service-unavailable"))

            #expect(
                steps(try await explain("m5", nil, administration).first).contains(
                    "acknowledged juliet@localhost/phone"))

            #expect(try await explain("juliet", nil, administration).map(\.id) == ["m1", "m5", "m4"])
            #expect(
                try await explain("romeo@localhost", "2012-04-26T10:00:00Z", administration).map(\.id)
                    == ["m1", "m2", "m3"])
        }
    }

    @Test func whatIsNotKnown() async throws {
        let server = try await TestKit.TestServer()
        let administration = Administration(server.server)
        for (subject, time, reason) in [
            ("nothing", nil, "there is no message nothing that is remembered, and no such account"),
            ("nothing", "noon", "\"noon\" is no moment; write one such as 2012-04-26T10:00:00Z"),
        ] as [(String, String?, String)] {
            do {
                _ = try await administration.explain(AccountName(subject), time)
                Issue.record("\(subject) is known")
            } catch let error as AdministrationError {
                #expect(error.description == reason)
            }
        }
        await server.stop()
        await server.close()
        let store = try await BareStore()
        #expect(
            await store.failure { _ = try await $0.explain(AccountName("m1"), nil) }
                == "no server is running; what became of messages is known only while it runs")
    }
}
