import NIOCore
import Testing
import XMPP

@testable import XMPPServer
@testable import XMPPStream

@Suite("What a stream may do", .timeLimit(.minutes(10))) struct ClientStreamTests {
    /// The one stream of a server.
    private func stream(_ server: TestServer) async throws -> ClientStream {
        for loop in server.server.loops.all {
            let found = try await loop.eventLoop.submit {
                loop.streams.values.lazy.compactMap { ($0.negotiation as? ClientNegotiation)?.stream }.first
            }.get()
            if let found { return found }
        }
        throw CancellationError()
    }

    private func rights(_ server: TestServer) async throws -> SessionRights {
        let stream = try await stream(server)
        return try await stream.connection.eventLoop.submit { stream.rights }.get()
    }

    @Test("Nothing before the sign-in, then what that gives, and what the session has")
    func rights() async throws {
        let server = try await TestServer()
        let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        _ = try await client.open()
        #expect(try await rights(server) == [])
        try await client.authenticate("romeo", "wrong")
        _ = try await client.read(until: "</failure>")
        #expect(try await rights(server) == [])
        try await client.authenticate("romeo", "secret")
        _ = try await client.read(until: "<success")
        #expect(try await rights(server) == .all)
        _ = try await client.open()
        #expect(try await rights(server) == .all)
        try await client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        _ = try await client.read(until: "</iq>")
        let stream = try await stream(server)
        let known = try await stream.connection.eventLoop.submit { (stream.signedIn, stream.session?.rights) }.get()
        #expect(known.0 == nil)
        #expect(known.1 == .all)
        #expect(try await rights(server) == .all)
        await server.stop()
    }
}
