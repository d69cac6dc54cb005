import Synchronization
import Testing
import XMPP
import XMPPServer
import XMPPStream

extension StorageConformance {
    static let groups = [
        StorageConformance("A group is stored whole or not at all") { storage in
            try await storage.commit([.append(try Samples.entry(5))])
            let mary = try Samples.jid("mary@example.com")
            await expectFailure(
                .alreadyExists,
                [
                    .append(try Samples.entry(6)),
                    .putValue(store: "s", owner: mary, key: "k", [1]),
                    .append(try Samples.entry(5)),
                ],
                on: storage
            )
            await expectFailure(
                .alreadyExists,
                [
                    .addAccount(
                        try Samples.account("1@example.com"),
                        credentials: [try Samples.credential(.sha1), try Samples.credential(.sha1)]
                    )
                ],
                on: storage
            )
            #expect(try await archivedIDs(storage) == [5])
            #expect(try await storage.value("s", mary, key: "k") == nil)
            #expect(try await storage.accounts(host: nil).isEmpty)
        },
        StorageConformance("After a group failed, what it named for the first time can be stored") { storage in
            try await storage.commit([.append(try Samples.entry(1))])
            let new = try Samples.entry(3, owner: "new@example.com", peer: "newer@example.com")
            await expectFailure(.alreadyExists, [.append(new), .append(try Samples.entry(1))], on: storage)
            try await storage.commit([.append(try Samples.entry(2, owner: "other@example.com", peer: "x@example.com"))])
            try await storage.commit([.append(new)])

            let query = ArchiveQuery(collection: "archive", owner: new.owner, peer: new.peer, limit: 9)
            #expect(try await storage.archived(query) == [new])
            #expect(try await archivedIDs(storage, owner: "other@example.com") == [2])
        },
        StorageConformance("A failing group leaves its neighbours alone, and reports come in order") { storage in
            let reports = Reports()
            for id: Int64 in [1, 2, 2, 3, 1, 4] {
                let changes: [StorageChange] = [.append(try Samples.entry(id))]
                storage.submit(changes) { result in reports.add(id, result) }
            }
            await storage.flush()

            #expect(reports.successes == [1, 2, 3, 4])
            #expect(reports.failures == [2, 1])
            #expect(try await archivedIDs(storage) == [1, 2, 3, 4])
        },
        StorageConformance("Later groups win over earlier ones") { storage in
            let mary = try Samples.jid("mary@example.com")
            for number in UInt8(0)...200 {
                storage.submit([.putValue(store: "s", owner: mary, key: "k", [number])], completion: nil)
            }
            await storage.flush()
            #expect(try await storage.value("s", mary, key: "k") == [200])
        },
        StorageConformance("Many writers: each is reported once, in its own order") { storage in
            let writers = 20
            let rows: Int64 = 100
            let reports = (0..<writers).map { _ in Reports() }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for (writer, reports) in reports.enumerated() {
                    tasks.addTask {
                        for id in 1...rows {
                            let entry = try Samples.entry(
                                Int64(writer) * rows + id, owner: "w\(writer)@example.com")
                            storage.submit([.append(entry)]) { result in reports.add(id, result) }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            await storage.flush()

            for (writer, reports) in reports.enumerated() {
                #expect(reports.successes == Array(1...rows))
                #expect(reports.failures.isEmpty)
                #expect(
                    try await archivedIDs(storage, owner: "w\(writer)@example.com")
                        == (1...rows).map { Int64(writer) * rows + $0 })
            }
        },
        StorageConformance("What a commit reported is seen by the next read") { storage in
            let mary = try Samples.jid("mary@example.com")
            for number in UInt8(0)..<100 {
                try await storage.commit([.putValue(store: "s", owner: mary, key: "k", [number])])
                #expect(try await storage.value("s", mary, key: "k") == [number])
            }
        },
        StorageConformance("Many reads at once are all answered") { storage in
            let mary = try Samples.jid("mary@example.com")
            try await storage.commit([.putValue(store: "s", owner: mary, key: "k", [1])])
            let sum = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for _ in 0..<500 {
                    tasks.addTask { try await storage.value("s", mary, key: "k")?.count ?? 0 }
                }
                return try await tasks.reduce(0, +)
            }
            #expect(sum == 500)
        },
        StorageConformance("A closed storage has stored what was submitted, and refuses the rest") { storage in
            let reports = Reports()
            for id in Int64(1)...50 {
                let changes: [StorageChange] = [.append(try Samples.entry(id))]
                storage.submit(changes) { result in reports.add(id, result) }
            }
            await storage.close()
            #expect(reports.successes == Array(1...50))

            await expectFailure(.unavailable, [.append(try Samples.entry(51))], on: storage)
            let error = await #expect(throws: StorageError.self) { try await storage.accounts(host: nil) }
            #expect(error?.kind == .unavailable)
            await storage.flush()
            await storage.close()
        },
    ]

    private static func archivedIDs(
        _ storage: any Storage,
        owner: String = "mary@example.com"
    ) async throws -> [Int64] {
        let query = ArchiveQuery(collection: ArchiveEntry.archive, owner: try Samples.jid(owner), limit: 1_000)
        return try await storage.archived(query).map(\.id.rawValue)
    }
}

/// What was reported of the groups of one writer, in the order of the reports.
private final class Reports: Sendable {
    private let state = Mutex<(successes: [Int64], failures: [Int64])>(([], []))

    func add(_ id: Int64, _ result: Result<Void, StorageError>) {
        state.withLock { state in
            switch result {
            case .success: state.successes.append(id)
            case .failure: state.failures.append(id)
            }
        }
    }

    var successes: [Int64] { state.withLock { $0.successes } }
    var failures: [Int64] { state.withLock { $0.failures } }
}
