import GRDB
import Synchronization
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("Read queue")
struct ReadQueueTests {
    private let directory = TemporaryDirectory()
    private let ann = JID("ann@example.com")
    private let bob = JID("bob@example.com")
    /// A read that never ends by itself.
    private let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"

    @Test("However much one account asks for, another's read is the next")
    func turns() throws {
        let (threads, order) = (Threads(), Order())
        let queue = try queue(threads)
        for _ in 0..<20 { #expect(queue.submit(ann) { order.note("ann") }) }
        #expect(queue.submit(bob) { order.note("bob") })
        #expect(queue.submit(nil) { order.note("nobody") })
        #expect(queue.submit(bob) { order.note("bob") })
        threads.runNext()
        #expect(order.names.prefix(5) == ["ann", "bob", "nobody", "ann", "bob"])
        #expect(order.names.count == 23)
    }

    @Test("Of one account, one read runs at a time; others have the other readers")
    func oneAtATime() throws {
        let (threads, order) = (Threads(), Order())
        let queue = try queue(threads)
        for _ in 0..<8 { #expect(queue.submit(ann) { order.note("ann") }) }
        #expect(threads.count == 1)
        for _ in 0..<8 { #expect(queue.submit(bob) { order.note("bob") }) }
        #expect(threads.count == 2)
        for _ in 0..<8 { #expect(queue.submit(nil) { order.note("nobody") }) }
        #expect(threads.count == 4)
        // While one of ann's is running, her next is not begun by another thread.
        let cat = JID("cat@example.com")
        let isTaken = queue.submit(cat) {
            _ = queue.submit(cat) { order.note("cat") }
            while threads.count > 0 { threads.runNext() }
            order.note("end")
        }
        #expect(isTaken)
        threads.runNext()
        #expect(order.names.suffix(2) == ["end", "cat"])
    }

    @Test("The account for which a task reads takes the turn, whosever the data is")
    func onBehalf() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let seen = try await ReadTurn.$account.withValue(ann) {
            try await storage.read(for: bob) { _ in true }
        }
        #expect(seen)
        #expect(SQLiteStorage.turn(of: bob) == bob)
        ReadTurn.$account.withValue(ann) { #expect(SQLiteStorage.turn(of: bob) == ann) }
        await storage.close()
    }

    @Test("What waits and is not wanted any more ends at once and is never run")
    func cancelledWhileWaiting() async throws {
        let (threads, order) = (Threads(), Order())
        let queue = try queue(threads)
        let waiting = Task { try await queue.read(for: ann, within: nil) { _ in order.note("waiting") } }
        waiting.cancel()
        let error = await #expect(throws: StorageError.self) { try await waiting.value }
        #expect(error?.kind == .cancelled)
        while threads.count > 0 { threads.runNext() }
        #expect(order.names.isEmpty)
    }

    @Test("A read that runs is ended when it is not wanted any more")
    func cancelledWhileRunning() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let (running, begun) = AsyncStream<Void>.makeStream()
        let reading = Task { [ann, endless] in
            try await storage.read(for: ann, within: nil) { db in
                begun.yield()
                return try Int.fetchOne(db, sql: endless)
            }
        }
        for await _ in running { break }
        reading.cancel()
        let error = await #expect(throws: StorageError.self) { try await reading.value }
        #expect(error?.kind == .cancelled)
        // The reader is free again, and does what it is asked.
        #expect(try await storage.read(for: ann) { db in try Int.fetchOne(db, sql: "SELECT 7") } == 7)
        await storage.close()
    }

    @Test("No read takes longer than it may")
    func deadline() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let error = await #expect(throws: StorageError.self) {
            _ = try await storage.read(for: ann, within: .milliseconds(1)) { [endless] db in
                try Int.fetchOne(db, sql: endless)
            }
        }
        #expect(error?.kind == .cancelled)
        #expect(try await storage.read(for: ann) { db in try Int.fetchOne(db, sql: "SELECT 7") } == 7)
        await storage.close()
    }

    @Test("What a client names makes no new statement")
    func statements() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let ann = try #require(ann)
        func shape(_ ids: [Int64]) async throws -> String {
            try await storage.read { [marks = storage.marks] db in
                try ArchiveSelection(
                    ArchiveQuery(
                        collection: ArchiveEntry.archive, owner: ann, ids: ids.map(ArchiveID.init(rawValue:))), marks,
                    db
                ).sql
            }
        }
        #expect(try await shape([1]) == shape(Array(2...250)))
        await storage.close()
    }
}

extension ReadQueueTests {
    /// A queue whose threads run when the test says so.
    private func queue(_ threads: Threads) throws -> ReadQueue {
        ReadQueue(pool: try SQLiteStorage(path: directory.database).pool) { threads.add($0) }
    }
}

/// What has been read, in its order.
private final class Order: Sendable {
    private let state = Mutex<[String]>([])

    var names: [String] { state.withLock { $0 } }
    func note(_ name: String) { state.withLock { $0.append(name) } }
}

/// Threads that have been started and not yet run.
private final class Threads: Sendable {
    private let waiting = Mutex<[@Sendable () -> Void]>([])

    var count: Int { waiting.withLock { $0.count } }
    func add(_ body: @escaping @Sendable () -> Void) { waiting.withLock { $0.append(body) } }
    func runNext() { waiting.withLock { $0.removeFirst() }() }
}
