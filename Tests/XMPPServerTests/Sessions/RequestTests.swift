import Testing
import XMPP

@testable import XMPPServer

@Suite("Requests that are answered later", .timeLimit(.minutes(10))) struct RequestTests {
    private func ask(_ client: TestClient, _ id: String) async throws {
        try await client.send("<iq type='get' id='\(id)'><wait xmlns='urn:example:wait' id='\(id)'/></iq>")
    }

    @Test("They do not hold up what is behind them, until there are too many")
    func sideBySide() async throws {
        let server = try await TestServer(settings: "limits: {parallel-requests: 3}", modules: [WaitingModule.self])
        let client = try await server.session("romeo")
        try await ask(client, "side1")
        try await ask(client, "side2")
        #expect(try await client.ping("before").contains("result"))
        try await ask(client, "side3")
        try await client.send("<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>")
        WaitingModule.gate("side2").open()
        let output = try await client.read(until: "id=\"behind\"")
        #expect(output.contains("id=\"side2\""))
        #expect(!output.contains("id=\"side1\""))
        for id in ["side1", "side3"] {
            WaitingModule.gate(id).open()
            try await client.read(until: "<iq type=\"result\" id=\"\(id)\"")
        }
        await server.stop()
    }

    @Test("Each has its time, and one answer")
    func deadline() async throws {
        let server = try await TestServer(settings: "limits: {request-time: 1 s}", modules: [WaitingModule.self])
        let client = try await server.session("romeo")
        try await ask(client, "late")
        let answer = try await client.read(until: "</iq>")
        #expect(answer.contains("type=\"error\" id=\"late\""))
        #expect(answer.contains("<resource-constraint "))
        WaitingModule.gate("late").open()
        #expect(try await !client.ping().contains("late"))
        await server.stop()
    }

    @Test("A session that ends takes its requests along")
    func end() async throws {
        let server = try await TestServer(modules: [WaitingModule.self])
        let client = try await server.session("romeo")
        try await ask(client, "gone")
        _ = try await client.ping()
        try await client.send("</stream:stream>")
        #expect(await client.readToEnd() == "</stream:stream>")
        WaitingModule.gate("gone").open()
        await server.stop()
    }
}
