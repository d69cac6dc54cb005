import Foundation
import SQLiteStorage
import Subprocess
import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

@Suite("A process that is told to end", .timeLimit(.minutes(10))) struct TerminationTests {
    private let folder: TestFolder
    private let configuration: String

    init() async throws {
        folder = try TestFolder()
        configuration = "\(folder.path)/swallowtail.yaml"
        try TestCertificate("example.org").write(to: folder.path, as: "example.org")
        let text = """
            log: {format: json}
            hosts:
              example.org:
                certificate: example.org.crt
                key: example.org.key
                authentication: {require-tls: off}
                limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}, request-time: 600 s}
                modules: {bosh: {}, websocket: {}, web-pages: {}}
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            http-listeners:
              - {addresses: ["127.0.0.1"], port: 0, tls: off}
              - {addresses: ["127.0.0.1"], port: 0}
            """
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
        let storage = try SQLiteStorage(path: "\(folder.path)/data/swallowtail.db")
        for user in ["romeo", "juliet"] {
            let credential = try #require(
                SCRAMCredential(
                    password: "secret", hash: .sha256, salt: Array(repeating: 1, count: 16), iterations: 16))
            let jid = try #require(JID("\(user)@example.org"))
            try await storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: [credential])])
        }
        await storage.close()
    }

    /// A request of HTTP with a body.
    private func post(_ path: String, _ body: String, length: Int? = nil) -> String {
        "POST \(path) HTTP/1.1\r\nHost: example.org\r\nContent-Type: text/xml; charset=utf-8\r\n"
            + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("It ends within five seconds and in good order, whatever its clients are about to do or to get")
    func everything() async throws {
        let server = try await ServerProcess(configuration: configuration)
        try #require(server.ports.count >= 3)
        var clients: [TestClient] = []

        // Kept messages, more than the system takes, for a client that does not read; and messages straight to it.
        let romeo = try await client(server, "romeo")
        let body = String(repeating: "x", count: 100_000)
        for number in 0..<80 {
            try await romeo.send(
                "<message type='chat' id='\(number)' to='juliet@example.org'><body>\(body)</body></message>")
        }
        _ = try await romeo.ping()
        let deaf = try await TestClient(port: server.port, receiveBuffer: 4_096)
        try await deaf.signIn("juliet", resource: "deaf")
        try await deaf.stopReading()
        try await deaf.send("<presence/>")
        clients.append(deaf)

        // A session without a connection, and one whose client does not acknowledge.
        for isLost in [true, false] {
            let client = try await client(server, "romeo")
            try await client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>")
            _ = try await client.read(until: "<enabled ")
            if isLost { try await client.close() } else { clients.append(client) }
        }

        // Before the first byte; in the midst of a handshake, of a header, of a sign-in, of a stanza.
        clients.append(try await TestClient(port: server.port))
        for (port, text) in [(0, "\u{16}\u{3}\u{1}"), (2, "\u{16}\u{3}\u{1}"), (0, "<stream:stream xmlns=")] {
            let client = try await TestClient(port: server.ports[port])
            try await client.send(text)
            clients.append(client)
        }
        let signingIn = try await TestClient(port: server.port)
        _ = try await signingIn.open()
        try await signingIn.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>")
        clients.append(signingIn)
        let speaking = try await client(server, "romeo")
        try await speaking.send("<message to='juliet@example.org'><body>")
        clients.append(speaking)

        // A request that is half sent, its head or its body; a long poll; a WebSocket.
        for text in ["GET /acc", post("/http-bind", "<body", length: 1_000), "POST /http-bind HTTP/1.1\r\nHost: e"] {
            let client = try await TestClient(port: server.ports[1])
            try await client.send(text)
            clients.append(client)
        }
        let poll = try await TestClient(port: server.ports[1])
        try await poll.send(
            post(
                "/http-bind",
                "<body xmlns='http://jabber.org/protocol/httpbind' to='example.org' rid='1' wait='60' hold='1' "
                    + "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>"))
        let created = try await poll.read(until: "</body>")
        let session = try #require(created.firstMatch(of: /sid=["']([^"']*)["']/)?.1)
        try await poll.send(
            post("/http-bind", "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='\(session)'/>"))
        clients.append(poll)
        let socket = try await TestClient(port: server.ports[1])
        try await socket.send(
            "GET /xmpp-websocket HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Protocol: xmpp\r\n\r\n")
        _ = try await socket.read(until: "\r\n\r\n")
        clients.append(socket)

        let begin = ContinuousClock.now
        #expect(try await server.terminate() == .exited(0))
        // The exit status says that it ended by itself; beyond five seconds it would not have. The test may be slow.
        #expect(begin.duration(to: .now) < .seconds(30))
        // The long poll got its answer.
        #expect(await poll.readToEnd().contains("terminate"))
        for client in clients { try await client.close() }
    }

    private func client(_ server: ServerProcess, _ user: String) async throws -> TestClient {
        let client = try await TestClient(port: server.port)
        try await client.signIn(user)
        return client
    }
}
