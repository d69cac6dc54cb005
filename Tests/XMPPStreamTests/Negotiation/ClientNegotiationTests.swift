import NIOCore
import Testing
import XMPP

@testable import XMPPStream

@Suite("A client's negotiation on its connection", .timeLimit(.minutes(10))) struct ClientNegotiationTests {
    @Test("The listener is asked for the host once, however often the stream begins anew")
    func asksOnce() async throws {
        let stream = try await TestStream.bound()
        #expect(stream.delegate.lookUps == 1)
        try await stream.send("<message id='1'/>")
        #expect(stream.delegate.session?.received == ["1"])
    }

    @Test("The host of the first header stays, even where another one is served")
    func hostStays() async throws {
        let stream = try await TestStream(StubDelegate(others: ["example.com"]))
        try await stream.send(TestStream.header)
        _ = try await stream.output(until: "</stream:features>")
        try await stream.send(TestStream.auth)
        _ = try await stream.output(until: "<success")
        try await stream.send(TestStream.header.replacing("example.org", with: "example.com"))
        #expect(try await stream.output().contains("<host-unknown"))
        #expect(stream.delegate.lookUps == 1)
    }

    private static let word = ClientStream.Slot<String>()
    private static let number = ClientStream.Slot<Int>()
    private static let other = ClientStream.Slot<Int>()

    @Test("What modules remember is kept until there is a session, each thing by itself")
    func slots() async throws {
        let stream = try await TestStream()
        try await stream.send(TestStream.header)
        _ = try await stream.output(until: "</stream:features>")
        try await stream.onLoop { stream in
            let client = try #require((stream.connection.negotiation as? ClientNegotiation)?.stream)
            client[Self.word] = "good"
            client[Self.number] = 1
            #expect(client[Self.word] == "good")
            #expect(client[Self.number] == 1)
            #expect(client[Self.other] == nil)
            client[Self.word] = nil
            #expect(client[Self.word] == nil)
        }
        for (sent, answer) in [
            (TestStream.auth, "<success"), (TestStream.header, "</stream:features>"), (TestStream.bind, "</iq>"),
        ] {
            let number = try await stream.onLoop {
                ($0.connection.negotiation as? ClientNegotiation)?.stream[Self.number]
            }
            #expect(number == 1)
            try await stream.send(sent)
            _ = try await stream.output(until: answer)
        }
        let isEmpty = try await stream.onLoop {
            ($0.connection.negotiation as? ClientNegotiation)?.remembered.isEmpty
        }
        #expect(isEmpty == true)
    }

    @Test("What a bound stream cannot have is offered to modules, then ends it")
    func neitherStanzaNorElement() async throws {
        let stream = try await TestStream.bound()
        try await stream.send("<r xmlns='urn:xmpp:sm:3'/>")
        #expect(try await stream.output().contains("<unsupported-stanza-type"))
        #expect(stream.delegate.session?.received == [])
    }

    @Test("A negotiation ends with its connection, whatever it waits for")
    func endsWithConnection() async throws {
        let gate = AsyncStream.makeStream(of: Void.self)
        let delegate = StubDelegate(look: { for await _ in gate.stream { return } })
        let stream = try await TestStream(delegate)
        try await stream.send(TestStream.header + TestStream.auth)
        try await stream.sendEnd()
        try await stream.onLoop { $0.connection.close(.connectionTimeout) }
        gate.continuation.yield()
        #expect(try await !stream.output().contains("success"))
        #expect(stream.delegate.session == nil)
    }
}
