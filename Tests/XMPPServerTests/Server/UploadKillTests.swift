import Foundation
import Subprocess
import Synchronization
import TestKit
import Testing

@testable import XMPPServer

/// Uploads and `kill -9`: a file whose upload was answered is there, whole; half a file never.
@Suite(.timeLimit(.minutes(5))) struct UploadKillTests {
    /// A file that somebody sends.
    private struct Upload: Sendable {
        let sendingPath: String
        let path: String
        let content: String
    }

    /// Files whose uploads were answered.
    private final class Answered: Sendable {
        private let uploads = Mutex<[Upload]>([])
        var all: [Upload] { uploads.withLock { $0 } }

        /// - Returns: how many they are.
        func add(_ upload: Upload) -> Int {
            uploads.withLock { uploads in
                uploads.append(upload)
                return uploads.count
            }
        }
    }

    private let folder: TestFolder
    private let configuration: String

    init() throws {
        folder = try TestFolder()
        configuration = try folder.configuration(
            """
            hosts:
              localhost:
                authentication: {require-tls: off}
                modules: {http-upload: {slots-per-minute: 0}}
            http-listeners: [{addresses: ["127.0.0.1"], port: 0, tls: off}]
            """)
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func aFileIsThereWholeOrNotAtAll(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let added = try await CommandRun(
            ["account", "add", "mary@localhost", "--config", configuration], input: "secret\n")
        try #require(added.status == .exited(0), "\(added.errors)")
        var (answered, all): ([Upload], [Upload]) = ([], [])
        for round in 0..<3 {
            let server = try await ServerProcess(configuration: configuration)
            let uploads = try await slots(server, round, &random)
            all += uploads
            answered += await Self.send(uploads, to: server, killingAfter: Int.random(in: 0..<12, using: &random))
            #expect(try await server.ended() != .exited(0))
            let next = try await ServerProcess(configuration: configuration)
            let known = Set(answered.map(\.path))
            for upload in all {
                let found = try await fetch(upload.path, from: next)
                if known.contains(upload.path) || found.hasPrefix("HTTP/1.1 200") {
                    #expect(found.hasPrefix("HTTP/1.1 200") && found.hasSuffix("\r\n\r\n\(upload.content)"))
                } else {
                    #expect(found.hasPrefix("HTTP/1.1 404"))
                }
            }
            let check = try await CommandRun(["upload", "check", "--repair", "--config", configuration])
            #expect(check.status == .exited(0), "\(check.errors)")
            #expect(!check.output.contains("missing") && !check.output.contains("size"), "\(check.output)")
            #expect(try await next.terminate() == .exited(0))
        }
        #expect(!answered.isEmpty)
    }

    /// Announces files of different sizes.
    private func slots(
        _ server: ServerProcess, _ round: Int, _ random: inout SeededGenerator
    ) async throws -> [Upload] {
        let client = try await TestClient(port: server.ports[0])
        try await client.signIn("mary", host: "localhost")
        var uploads: [Upload] = []
        for number in 0..<16 {
            let content =
                "\(round)-\(number) " + String(repeating: "x", count: Int.random(in: 1..<400_000, using: &random))
            try await client.send(
                "<iq type='get' id='s' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' "
                    + "filename='file.txt' size='\(content.utf8.count)'/></iq>")
            let slot = try await client.read(until: "</iq>")
            let paths = slot.matches(of: #/url=["']https?:\/\/[^\/]+(\/[^"']+)/#).map { String($0.output.1) }
            try #require(paths.count == 2, "\(slot)")
            uploads.append(Upload(sendingPath: paths[0], path: paths[1], content: content))
        }
        try await client.close()
        return uploads
    }

    /// Sends files, several at a time, and kills the server when so many have been answered.
    ///
    /// - Returns: those that were.
    private static func send(_ uploads: [Upload], to server: ServerProcess, killingAfter count: Int) async -> [Upload] {
        let answered = Answered()
        await withTaskGroup(of: Void.self) { tasks in
            for lane in 0..<4 {
                tasks.addTask {
                    // The end of the server is the end of the lane.
                    try? await send(stride(from: lane, to: uploads.count, by: 4).map { uploads[$0] }, to: server) {
                        upload in
                        let sum = answered.add(upload)
                        if sum == max(1, count) { server.kill() }
                    }
                }
            }
        }
        server.kill()
        return answered.all
    }

    private static func send(
        _ uploads: [Upload], to server: ServerProcess, answered: @Sendable (Upload) -> Void
    ) async throws {
        for upload in uploads {
            let client = try await TestClient(port: server.ports[1])
            try await client.send(
                "PUT \(upload.sendingPath) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(upload.content.utf8.count)"
                    + "\r\n\r\n\(upload.content)")
            let answer = try await client.read(until: "\r\n\r\n")
            guard answer.hasPrefix("HTTP/1.1 201") else { return }
            answered(upload)
            try await client.close()
        }
    }

    private func fetch(_ path: String, from server: ServerProcess) async throws -> String {
        let client = try await TestClient(port: server.ports[1])
        try await client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return await client.readToEnd()
    }
}
