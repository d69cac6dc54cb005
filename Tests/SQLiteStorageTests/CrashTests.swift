import Foundation
import Subprocess
import SystemPackage
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("What was reported survives kill -9")
struct CrashTests {
    private let directory = TemporaryDirectory()

    /// After how many reports the writer is killed, one number for each round.
    private static let rounds = [1, 40, 1_000, 2_345, 333, 4_000]

    @Test("Every reported message is found, once, on both sides", .timeLimit(.minutes(2)))
    func killedInMidStream() async throws {
        var reported: [Int64] = []
        for count in Self.rounds {
            let new = try await reportsOfKilledWriter(after: count)
            #expect(new.count >= count)
            reported += new
            try await verify(reported)
        }
    }

    /// Runs the writer, kills it after `count` reports, and returns the ids that it reported until it was dead.
    private func reportsOfKilledWriter(after count: Int) async throws -> [Int64] {
        let run = try await run(
            .path(FilePath(writer.path)), arguments: [directory.database], input: .none, output: .sequence,
            error: .discarded
        ) { process in
            var reported: [Int64] = []
            // Those that were on their way when it was killed as well.
            for try await line in process.standardOutput.strings() {
                reported += Int64(line).map { [$0] } ?? []
                if reported.count == count { try process.send(signal: .kill) }
            }
            return reported
        }
        #expect(run.terminationStatus == .signaled(SIGKILL))
        return run.closureResult
    }

    private func verify(_ reported: [Int64]) async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let mary = try await stored(storage, "mary@example.com")
        let bob = try await stored(storage, "bob@example.com")

        #expect(Set(mary.map(\.id)).count == mary.count)
        #expect(mary.map(\.stanza) == bob.map(\.stanza))
        #expect(Set(reported).subtracting(mary.map(\.id.rawValue)).isEmpty)
        #expect(Set(reported).count == reported.count)
        for entry in mary {
            #expect(entry.stanza == Array("<message><body>\(entry.id.rawValue)</body></message>".utf8))
        }
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }

    private func stored(_ storage: SQLiteStorage, _ owner: String) async throws -> [ArchiveEntry] {
        let owner = try #require(JID(owner))
        return try await storage.archived(ArchiveQuery(collection: ArchiveEntry.archive, owner: owner, limit: .max))
    }

    /// The writer's executable: built into the folder of the test bundle.
    private var writer: URL {
        get throws {
            let bundle = try #require(Bundle.main.executableURL)
            let writer = bundle.deletingLastPathComponent().appendingPathComponent("StorageCrashWriter")
            try #require(FileManager.default.isExecutableFile(atPath: writer.path))
            return writer
        }
    }
}
