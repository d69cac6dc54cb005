import Foundation
import NIOCore
import NIOPosix
import Testing
import XMPP

@testable import XMPPServer

@Suite("Strangers", .serialized, .timeLimit(.minutes(10))) struct AttackTests {
    /// The process's memory in use, in bytes.
    private static func residentMemory() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * Int(getpagesize())
    }

    @Test("2,000 that have opened a stream and then say nothing cost little, hold up nobody and end at the deadline")
    func idleStrangers() async throws {
        let server = try await TestServer(
            settings: "limits: {sign-in-time: 6 s}",
            top: "limits: {connections-per-address: 0, accepts-per-second: 0}")
        let session = try await server.session("juliet")
        let before = try Self.residentMemory()
        let clients = try await withThrowingTaskGroup(of: TestClient.self) { tasks in
            for _ in 0..<2_000 {
                tasks.addTask {
                    let client = try await server.connect()
                    try await client.send(TestClient.header("example.org"))
                    return client
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        // Both ends of each connection are in this process.
        let each = (try Self.residentMemory() - before) / clients.count
        #expect(each < 64 << 10)
        #expect(try await session.ping().contains("type=\"result\""))
        for client in clients {
            let end = await client.readToEnd()
            #expect(end.contains("<connection-timeout "))
        }
        await server.stop()
    }

    @Test("A client that drips its bytes does not hold up others")
    func dripping() async throws {
        let server = try await TestServer()
        let drippers = try await withThrowingTaskGroup(of: TestClient.self) { tasks in
            for _ in 0..<20 { tasks.addTask { try await server.connect() } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        let drip = Task {
            let text = TestClient.header("example.org") + "<x xmlns='urn:x'>" + String(repeating: "y", count: 1_000)
            for byte in text {
                for client in drippers { client.channel.writeAndFlush(ByteBuffer(string: String(byte)), promise: nil) }
                try await drippers[0].send("")
            }
        }
        let clock = ContinuousClock()
        let session = try await server.session()
        for number in 0..<100 {
            let time = try await clock.measure { _ = try await session.ping("p\(number)") }
            #expect(time < .seconds(30))
        }
        drip.cancel()
        _ = try? await drip.value
        await server.stop()
    }

    @Test("A client that has stopped reading is cut off when too much waits for it")
    func deafClient() async throws {
        let server = try await TestServer(
            settings: "limits: {outgoing-queue: 128 KiB, rate: {stanzas-per-second: 0, bytes-per-second: 0}}")
        let host = try server.host()
        let juliet = try #require(JID("juliet@example.org"))
        let deaf = try await server.session("juliet", resource: "deaf")
        try await deaf.stopReading()
        let romeo = try await server.session("romeo")
        let body = String(repeating: "x", count: 100_000)
        var sent = 0
        while host.accounts.cached(juliet)?.session("deaf") != nil {
            try await romeo.send("<message type='headline' to='juliet@example.org/deaf'><body>\(body)</body></message>")
            _ = try await romeo.ping()
            sent += body.utf8.count
        }
        // What the system holds for a connection on one machine, and what the server does.
        #expect(sent < 32 << 20)
        try await deaf.close()
        await server.stop()
    }

    @Test("Wrong passwords close an address out for everybody, and trusted addresses never")
    func guessing() async throws {
        for isTrusted in [false, true] {
            let trust = isTrusted ? ", trusted-addresses: [127.0.0.0/8]" : ""
            let server = try await TestServer(top: "limits: {sign-ins: {per-address: 5, time: 60 s}\(trust)}")
            for _ in 0..<2 {
                let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
                _ = try await client.open()
                for _ in 0..<3 {
                    try await client.authenticate("nobody", "guess")
                    try await client.read(until: "</failure>")
                }
                try await client.close()
            }
            let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
            _ = try await client.open()
            try await client.authenticate("romeo", "secret")
            if isTrusted {
                try await client.read(until: "<success")
            } else {
                #expect(try await client.read(until: "</failure>").contains("<temporary-auth-failure />"))
            }
            await server.stop()
        }
    }
}
