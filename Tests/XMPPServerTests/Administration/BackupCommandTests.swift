import Foundation
import SQLiteStorage
import Subprocess
import SystemPackage
import Testing
import XMPP

@testable import XMPPServer

@Suite("`swallowtail backup` and `restore`", .timeLimit(.minutes(5))) struct BackupCommandTests {
    private let folder: TestFolder
    private let configuration: String
    private let database: String
    private let owner: JID

    init() throws {
        folder = try TestFolder()
        configuration = "\(folder.path)/swallowtail.yaml"
        database = "\(folder.path)/data/swallowtail.db"
        owner = try #require(JID("localhost"))
        let text = """
            log: {format: json}
            hosts:
              localhost: {authentication: {require-tls: off}}
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            """
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    private func swallowtail(_ arguments: String..., input: String = "") async throws -> CommandRun {
        try await CommandRun(arguments + ["--config", configuration], input: input)
    }

    /// Fills the store with about so many megabytes, each value marked.
    private func fill(_ mark: UInt8, megabytes: Int) async throws {
        let storage = try SQLiteStorage(path: database)
        for number in 0..<megabytes * 10 {
            let value = Array(repeating: mark, count: 100_000)
            storage.submit([.putValue(store: "s", owner: owner, key: "\(number)", value)], .soon, completion: nil)
        }
        #expect(await storage.close() == nil)
    }

    /// The mark of all values in the store, which is sound.
    private func mark() async throws -> Set<UInt8> {
        let storage = try SQLiteStorage(path: database)
        #expect(try await storage.integrityCheck().isEmpty)
        let marks = Set(try await storage.values("s", owner).values.map { $0[0] })
        await storage.close()
        return marks
    }

    @Test func aServerIsBackedUpWhileItRunsAndRestoredWhenItDoesNot() async throws {
        let server = try await ServerProcess(configuration: configuration)
        let added = try await swallowtail("account", "add", "romeo@localhost", input: "secret\n")
        #expect(added.status == .exited(0))
        let backup = "\(folder.path)/backup.db"
        let made = try await swallowtail("backup", backup)
        #expect(made.status == .exited(0))
        #expect(made.output == "the store is backed up in \(backup)\n")
        let again = try await swallowtail("backup", backup)
        #expect(again.status == .exited(1))
        #expect(again.errors.contains("there is something at \(backup) already"))
        let refused = try await swallowtail("restore", backup, "--force")
        #expect(refused.status == .exited(1))
        #expect(refused.errors.contains("the process \(server.processID) has the store"))
        let named = try await swallowtail("backup", folder.path)
        #expect(named.output.contains(/\/swallowtail-[0-9-]+T[0-9.]+Z\.db\n/))
        #expect(try await server.terminate() == .exited(0))

        // The database file alone is what has to be copied then.
        let log = try? FileManager.default.attributesOfItem(atPath: database + "-wal")[.size] as? Int
        #expect(log ?? 0 == 0)
        let key = try #require(FileManager.default.contents(atPath: "\(folder.path)/data/secret.key"))

        let kept = try await swallowtail("restore", backup)
        #expect(kept.errors.contains("there is a store at \(database); with --force it gives way, and is kept"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/data")
        let restored = try await swallowtail("restore", backup)
        #expect(restored.output.contains(/the store is restored: version [0-9]+, 1 accounts\n/))
        #expect(FileManager.default.contents(atPath: "\(folder.path)/data/secret.key") == key)
        let list = try await swallowtail("account", "list")
        #expect(list.output.contains("romeo@localhost"))
    }

    @Test func aStoreIsBackedUpWhileNoServerRuns() async throws {
        let missing = try await swallowtail("backup", "\(folder.path)/backup.db")
        #expect(missing.status == .exited(1))
        try await fill(1, megabytes: 1)
        let made = try await swallowtail("backup", "\(folder.path)/backup.db")
        #expect(made.status == .exited(0))
        try await fill(2, megabytes: 1)
        let restored = try await swallowtail("restore", "\(folder.path)/backup.db", "--force")
        #expect(restored.status == .exited(0))
        #expect(try await mark() == [1])
    }

    @Test func aFileThatCannotBeWrittenToItsEndIsToldAndRemoved() async throws {
        try await fill(1, megabytes: 8)
        let backup = "\(folder.path)/backup.db"
        let script = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\""
        let executable = try ServerProcess.executable.path
        let made = try await CommandRun(
            ["-c", script, executable, "backup", backup, "--config", configuration], script: "/bin/bash")
        #expect(made.status == .exited(1))
        #expect(made.errors.hasPrefix("swallowtail: "))
        #expect(made.errors.contains(/cannot copy .* to .*backup.db.part: SQLite .*disk/), "\(made.errors)")
        #expect(try !names().contains { $0.hasPrefix("backup") })

        #expect(try await swallowtail("backup", backup).status == .exited(0))
        try await fill(2, megabytes: 8)
        let restored = try await CommandRun(
            ["-c", script, executable, "restore", backup, "--force", "--config", configuration], script: "/bin/bash")
        #expect(restored.status == .exited(1))
        #expect(try await mark() == [2])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/data").allSatisfy { name in
                !name.hasSuffix(".part") && !name.hasPrefix("replaced")
            })
    }

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path) }

    /// Runs a command and kills it when the file is that large.
    private func killed(_ arguments: [String], when file: String, has size: Int) async throws {
        let executable = try FilePath(ServerProcess.executable.path)
        _ = try await run(
            .path(executable), arguments: Arguments(arguments + ["--config", configuration]), input: .none,
            output: .discarded, error: .discarded
        ) { process in
            var (status, end) = (stat(), siginfo_t())
            let child = id_t(process.processIdentifier.value)
            while waitid(P_PID, child, &end, WEXITED | WNOHANG | WNOWAIT) == 0, end.si_signo == 0 {
                if stat(file, &status) == 0, status.st_size >= size { break }
                await Task.yield()
            }
            try? process.send(signal: .kill)
        }
    }

    @Test func whatIsKilledMidwayLeavesTheStoreAndNoHalfBackup() async throws {
        try await fill(1, megabytes: 30)
        let backup = "\(folder.path)/backup.db"
        for size in [1, 5 << 20, 20 << 20] {
            try await killed(["backup", backup], when: backup + ".part", has: size)
            // It may have been done before it was killed.
            if FileManager.default.fileExists(atPath: backup) {
                #expect(try await swallowtail("restore", backup, "--force").status == .exited(0))
                try FileManager.default.removeItem(atPath: backup)
            }
        }
        #expect(try await swallowtail("backup", backup).status == .exited(0))
        #expect(try !names().contains("backup.db.part"))
        try await fill(2, megabytes: 30)
        for size in [1, 5 << 20, 20 << 20, 29 << 20] {
            try await killed(["restore", backup, "--force"], when: database + ".part", has: size)
            #expect(try await mark().count == 1)
        }
        #expect(try await swallowtail("restore", backup, "--force").status == .exited(0))
        #expect(try await mark() == [1])
    }
}
