import NIOCore
import NIOSSL
import SQLiteStorage
import TestKit
import Testing
import XMPP
import XMPPModules

@testable import XMPPServer

/// A storage that gives no answer.
private final class SilentStorage: EmptyStorage {
    /// Never returns.
    static func answer() async { await WaitingModule.gate("an answer of the storage's").opened() }

    func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]? { [1, 2, 3] }
    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?
    ) {}
    func flush() async { await Self.answer() }
}

@Suite("The server's end", .timeLimit(.minutes(10))) struct StopTests {
    private static let shutdown =
        "<system-shutdown xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" /></stream:error></stream:stream>"

    private func stop(_ server: TestServer) async -> Duration {
        await ContinuousClock().measure { await server.server.stop() }
    }

    @Test("Every stream is told, and clients that answer are not waited for")
    func polite() async throws {
        let server = try await TestServer()
        let session = try await server.session()
        let stranger = try await server.connect()
        _ = try await stranger.open()
        let silent = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        async let time = stop(server)
        // Each by itself: whoever waits for the others may find its time to answer over.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in [session, stranger, silent] {
                let answers = client !== silent
                group.addTask {
                    try await client.read(until: Self.shutdown)
                    if answers { try await client.send("</stream:stream>") } else { try await client.close() }
                    #expect(await client.readToEnd() == "")
                }
            }
            try await group.waitForAll()
        }
        #expect(await time < .seconds(30))
        await #expect(throws: (any Error).self) { try await server.connect() }
        await server.storage.close()
    }

    @Test("Clients that do not read or never answer do not hold it up, wherever they are")
    func rude() async throws {
        let redirect = "redirect: {to: \"node.example.org:443\", at: before-tls, wait: 20 s}"
        let server = try await TestServer(listeners: ["tls: either", "tls: direct", "tls: starttls, \(redirect)"])
        let silent = try await server.session()
        let deaf = try await server.session("juliet", resource: "deaf")
        try await deaf.stopReading()
        try await flood(server, to: "juliet@example.org/deaf")
        // Before the first byte, in the midst of a handshake, while redirected.
        let idle = try await server.connect()
        let shaking = try await server.connect()
        try await shaking.channel.writeAndFlush(ByteBuffer(bytes: [22, 3, 1, 0, 200, 1, 0, 0]))
        let direct = try await server.connect(1)
        let redirected = try await server.connect(2)
        try await redirected.send(TestClient.header("example.org"))
        try await redirected.read(until: "</stream:error>")

        #expect(await stop(server) < .seconds(30))
        #expect(await silent.readToEnd().hasSuffix(Self.shutdown))
        #expect(await redirected.readToEnd() == "</stream:stream>")
        _ = await shaking.readToEnd()
        _ = await direct.readToEnd()
        #expect(await idle.readToEnd().hasSuffix(Self.shutdown))
        try await deaf.close()
        await server.storage.close()
    }

    /// More than the system takes for a client that does not read.
    private func flood(_ server: TestServer, to address: String) async throws {
        let client = try await server.session("romeo")
        let body = String(repeating: "x", count: 50_000)
        for number in 0..<20 {
            try await client.send("<message type='chat' to='\(address)' id='\(number)'><body>\(body)</body></message>")
        }
        _ = try await client.ping()
        try await client.send("</stream:stream>")
        _ = await client.readToEnd()
    }

    @Test("What was on its way to the store when it ended is there afterwards")
    func durable() async throws {
        let server = try await TestServer()
        let client = try await server.session("romeo")
        for number in 0..<50 {
            try await client.send("<message type='chat' to='juliet@example.org'><body>\(number)</body></message>")
        }
        _ = try await client.ping()
        try await client.send("<message type='chat' to='juliet@example.org'><body>last</body></message>")
        await server.server.stop()
        let juliet = try #require(JID("juliet@example.org"))
        let kept = try await server.storage.archived(
            ArchiveQuery(collection: ArchiveEntry.offline, owner: juliet, limit: .max))
        #expect(kept.count >= 50)
        let bodies = kept.map { String(decoding: $0.stanza, as: UTF8.self).contains("<body>last</body>") }
        #expect(bodies.dropLast().allSatisfy { !$0 })
        await server.storage.close()
    }

    @Test("Who waits for something when it ends is told that it was in vain, before the last word")
    func waiting() async throws {
        let server = try await TestServer(settings: "limits: {request-time: 60 s}", modules: [WaitingModule.self])
        let client = try await server.session("romeo")
        // A request that is never answered holds up nobody.
        try await client.send("<iq type='get' id='q1'><wait xmlns='urn:example:wait' id='never answered'/></iq>")
        try await client.send(
            "<message gate='stop' id='m1' type='chat' to='juliet@example.org'><body>x</body></message>")
        // Until it has its id in its recipient's archive.
        let juliet = try #require(JID("juliet@example.org"))
        let ids = try server.host().archiveIDs
        while try ids.frontier(of: juliet) >= ids.frontier(of: #require(JID("nobody@example.org"))) {
            await Task.yield()
        }
        async let time = stop(server)
        let last = try await client.read(until: Self.shutdown)
        #expect(last.contains("id=\"m1\"") && last.contains("<resource-constraint "))
        try await client.send("</stream:stream>")
        #expect(await time < .seconds(30))
        await server.storage.close()
    }

    @Test("It ends in time though its storage does not answer, nor what it waits for")
    func silentStorage() async throws {
        let text = "hosts: {example.org: {authentication: {require-tls: off}}}\nlisteners: [{port: 0}]"
        let (root, _) = try ConfigFile.parse(text, file: "swallowtail.yaml")
        let log = LogRecorder()
        let server = try await Server(
            ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all),
            storage: SilentStorage(), group: TestServer.group, logger: log.logger)
        server.router.begin { await SilentStorage.answer() }
        #expect(await ContinuousClock().measure { await server.stop() } < .seconds(30))
        #expect(log.lines.contains { $0.contains("what a session left") })
        #expect(log.lines.contains { $0.contains("the storage") })
    }

    @Test("It can be stopped before it has served anybody, and twice")
    func unused() async throws {
        let server = try await TestServer()
        #expect(await stop(server) < .seconds(30))
        #expect(await stop(server) < .seconds(30))
        await server.storage.close()
    }
}
