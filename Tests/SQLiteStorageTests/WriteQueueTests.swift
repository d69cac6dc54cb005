import Dispatch
import Foundation
import GRDB
import Synchronization
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("Write queue")
struct WriteQueueTests {
    private let directory = TemporaryDirectory()

    @Test("A full queue refuses, without blocking, and takes again when it has room")
    func boundedByCount() async throws {
        let storage = try open(WriteQueue.Limits(groups: 3))
        let writer = holdWriter(of: storage)
        let outcomes = Outcomes()
        for key in 1...5 { submit(key, 1, to: storage, outcomes) }
        await outcomes.wait(for: 2)
        #expect(outcomes.refused == [4, 5])

        writer.signal()
        await storage.flush()
        #expect(outcomes.stored == [1, 2, 3])
        submit(6, 1, to: storage, outcomes)
        await storage.close()
        #expect(outcomes.stored == [1, 2, 3, 6])
    }

    @Test("The queue is bounded in bytes as well")
    func boundedByBytes() async throws {
        let storage = try open(WriteQueue.Limits(bytes: 10_000))
        let writer = holdWriter(of: storage)
        let outcomes = Outcomes()
        for (key, size) in [(1, 6_000), (2, 6_000), (3, 1_000)] { submit(key, size, to: storage, outcomes) }
        await outcomes.wait(for: 1)
        #expect(outcomes.refused == [2])

        writer.signal()
        await storage.close()
        #expect(outcomes.stored == [1, 3])
    }

    @Test("More groups than one transaction takes are committed in order")
    func manyBatches() async throws {
        let storage = try open(WriteQueue.Limits(groupsPerCommit: 7))
        let writer = holdWriter(of: storage)
        let outcomes = Outcomes()
        for key in 1...100 { submit(key, 1, to: storage, outcomes) }
        writer.signal()
        await storage.close()
        #expect(outcomes.stored == Array(1...100))
    }

    @Test("What is not urgent waits for company, and is stored though nobody asks")
    func soon() async throws {
        let storage = try open(WriteQueue.Limits(patience: .milliseconds(1)))
        let outcomes = Outcomes()
        await withCheckedContinuation { continuation in
            submit(1, 1, .soon, to: storage, outcomes) { continuation.resume() }
        }
        #expect(outcomes.stored == [1])
        await storage.close()
    }

    @Test("An urgent group takes with it what waits, in order")
    func urgent() async throws {
        let storage = try open(WriteQueue.Limits(patience: .seconds(3600)))
        let outcomes = Outcomes()
        submit(1, 1, .soon, to: storage, outcomes)
        submit(2, 1, .soon, to: storage, outcomes)
        await withCheckedContinuation { continuation in
            submit(3, 1, .now, to: storage, outcomes) { continuation.resume() }
        }
        #expect(outcomes.stored == [1, 2, 3])
        await storage.close()
    }

    @Test("Who finds the queue crowded can wait for room")
    func crowd() async throws {
        let storage = try open(WriteQueue.Limits(crowd: 3))
        let writer = holdWriter(of: storage)
        let outcomes = Outcomes()
        submit(1, 1, to: storage, outcomes)
        submit(2, 1, to: storage, outcomes)
        #expect(!storage.isCrowded)
        submit(3, 1, to: storage, outcomes)
        #expect(storage.isCrowded)
        writer.signal()
        await storage.room()
        #expect(!storage.isCrowded)
        await storage.flush()
        #expect(outcomes.stored == [1, 2, 3])
        await storage.close()
    }

    @Test("When the disk is full the group fails, and the next one that fits is stored")
    func diskFull() async throws {
        let storage = try open(WriteQueue.Limits())
        let owner = try #require(JID("example.com"))
        try await setPageLimit(of: storage, spare: 16)
        let outcomes = Outcomes()
        submit(1, 1_000_000, to: storage, outcomes)
        submit(2, 100, to: storage, outcomes)
        await storage.flush()
        #expect(outcomes.refused.first == 1)
        submit(3, 100, to: storage, outcomes)
        await storage.flush()
        #expect(outcomes.stored.last == 3)
        #expect(try await storage.value("s", owner, key: "1") == nil)
        #expect(try await storage.value("s", owner, key: "3")?.count == 100)
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }
}

extension WriteQueueTests {
    @Test(
        "When its files are removed, changes fail; they are taken again when the files are back",
        arguments: ["", "-wal"])
    func removedFiles(_ suffix: String) async throws {
        let storage = try open(WriteQueue.Limits())
        let owner = try #require(JID("example.com"))
        let change = StorageChange.putValue(store: "s", owner: owner, key: "k", [1])
        try await storage.commit([change])
        let (file, elsewhere) = (directory.database + suffix, directory.path + "/elsewhere")
        try FileManager.default.moveItem(atPath: file, toPath: elsewhere)
        for _ in 0..<2 {
            let error = await #expect(throws: StorageError.self) { try await storage.commit([change]) }
            #expect(error?.kind == .failed)
            #expect(error?.diagnosis.contains(file) == true)
        }
        // Another one in its place is not it.
        #expect(FileManager.default.createFile(atPath: file, contents: Data()))
        await #expect(throws: StorageError.self) { try await storage.commit([change]) }
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.moveItem(atPath: elsewhere, toPath: file)
        try await storage.commit([change])
        await storage.close()
    }

    private func open(_ limits: WriteQueue.Limits) throws -> SQLiteStorage {
        try SQLiteStorage(path: directory.database, access: .write, limits: limits)
    }

    /// Keeps the writer busy until the semaphore is signalled.
    private func holdWriter(of storage: SQLiteStorage) -> DispatchSemaphore {
        let semaphore = DispatchSemaphore(value: 0)
        storage.pool.asyncWriteWithoutTransaction { _ in semaphore.wait() }
        return semaphore
    }

    private func setPageLimit(of storage: SQLiteStorage, spare: Int) async throws {
        try await storage.pool.writeWithoutTransaction { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "PRAGMA max_page_count = \(pages + spare)")
        }
    }

    private func submit(
        _ key: Int, _ size: Int, _ urgency: CommitUrgency = .now, to storage: SQLiteStorage, _ outcomes: Outcomes,
        then: @escaping @Sendable () -> Void = {}
    ) {
        guard let owner = JID("example.com") else { return }
        let value = Array(repeating: UInt8(0), count: size)
        storage.submit([.putValue(store: "s", owner: owner, key: "\(key)", value)], urgency) {
            outcomes.add(key, $0)
            then()
        }
    }
}

/// Which groups were stored and which were not, in the order of the reports.
private final class Outcomes: Sendable {
    private struct State {
        var stored: [Int] = []
        var refused: [Int] = []
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    var stored: [Int] { state.withLock { $0.stored } }
    var refused: [Int] { state.withLock { $0.refused } }

    func add(_ key: Int, _ result: Result<Void, StorageError>) {
        let continuation: CheckedContinuation<Void, Never>? = state.withLock { state in
            switch result {
            case .success: state.stored.append(key)
            case .failure: state.refused.append(key)
            }
            guard let waiter = state.waiter, state.refused.count >= waiter.count else { return nil }
            state.waiter = nil
            return waiter.continuation
        }
        continuation?.resume()
    }

    /// Waits until that many groups were refused.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.refused.count < count { state.waiter = (count, continuation) }
                return state.refused.count >= count
            }
            if isThere { continuation.resume() }
        }
    }
}
