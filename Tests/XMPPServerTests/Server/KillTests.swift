import Foundation
import SQLiteStorage
import Subprocess
import Testing
import XMPP
import XMPPModules
import XMPPStream

@testable import XMPPServer

@Suite("A server that is killed", .timeLimit(.minutes(10))) struct KillTests {
    /// After how many reports it is killed, a number for each round.
    private static let rounds = [1, 40, 333, 150]

    private let folder: TestFolder
    private let database: String
    private let configuration: String

    init() async throws {
        folder = try TestFolder()
        database = "\(folder.path)/data/swallowtail.db"
        configuration = "\(folder.path)/swallowtail.yaml"
        try TestCertificate("example.org").write(to: folder.path, as: "example.org")
        let text = """
            log: {format: json}
            hosts:
              example.org:
                certificate: example.org.crt
                key: example.org.key
                limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                modules: {offline: {maximum-messages: 100000}}
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            """
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
        let storage = try SQLiteStorage(path: database)
        for user in ["romeo", "juliet"] {
            let credential = try #require(
                SCRAMCredential(
                    password: "secret", hash: .sha256, salt: Array(repeating: 1, count: 16), iterations: 16))
            let jid = try #require(JID("\(user)@example.org"))
            try await storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: [credential])])
        }
        await storage.close()
    }

    @Test("Every message whose commit was reported is handed over after the restart, once, in order, with its time")
    func killedInMidStream() async throws {
        var server = try await ServerProcess(configuration: configuration)
        var next = 0
        for count in Self.rounds {
            let (reported, sent) = try await reportsOfKilled(server, first: next, after: count)
            #expect(reported.count >= count)
            server = try await ServerProcess(configuration: configuration)
            let received = try await handedOver(by: server)
            #expect(Set(reported).isSubset(of: received.map(\.number)))
            #expect(received.map(\.number) == received.map(\.number).sorted())
            #expect(Set(received.map(\.number)).count == received.count)
            #expect(received.allSatisfy { $0.isStamped && (next..<sent).contains($0.number) })
            next = sent
        }
        #expect(try await server.terminate() == .exited(0))
    }

    /// Romeo sends messages, each with a ping behind it, whose answer reports its commit. After `count` reports the
    /// server is killed.
    ///
    /// - Returns: the numbers that were reported until it was dead, and the first number that was not used.
    private func reportsOfKilled(
        _ server: ServerProcess, first: Int, after count: Int
    ) async throws -> (reported: [Int], sent: Int) {
        let client = try await TestClient(port: server.port, tls: TestClient.TLS(name: "example.org"))
        try await client.signIn("romeo")
        let end = first + count + 2_000
        let sending = Task {
            for number in first..<end {
                try await client.send(
                    "<message type='chat' to='juliet@example.org' id='m\(number)'><body>\(number)</body></message>"
                        + "<iq type='get' id='\(number)'><ping xmlns='urn:xmpp:ping'/></iq>")
            }
        }
        let answers = try await client.read(until: "id=\"\(first + count - 1)\"")
        server.kill()
        let rest = await client.readToEnd()
        #expect(try await server.ended() == .signaled(SIGKILL))
        _ = try? await sending.value
        let reported = (answers + rest).matches(of: /<iq type="result" id="(\d+)"/).compactMap { Int($0.output.1) }
        #expect(reported == Array(first..<(first + reported.count)))
        return (reported, end)
    }

    /// What Juliet finds when she comes.
    private func handedOver(by server: ServerProcess) async throws -> [(number: Int, isStamped: Bool)] {
        let client = try await TestClient(port: server.port, tls: TestClient.TLS(name: "example.org"))
        try await client.signIn("juliet")
        try await client.send("<presence/>")
        let owner = try #require(JID("juliet@example.org"))
        let storage = try SQLiteStorage(path: database, access: .read)
        // What has been handed over is removed when it is on its way.
        while try await storage.archivedCount(ArchiveQuery(collection: ArchiveEntry.offline, owner: owner, limit: 1))
            > 0
        {}
        await storage.close()
        let output = try await client.ping()
        try await client.close()
        return output.matches(of: /<message [^>]*id="m(\d+)".*?<\/message>/).compactMap { match in
            Int(match.output.1).map { ($0, match.output.0.contains("<delay xmlns=\"urn:xmpp:delay\"")) }
        }
    }
}
