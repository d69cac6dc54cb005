import SQLiteStorage
import StorageConformance
import Testing
import XMPPServer

@Suite("SQLite does what a storage has to do")
struct ConformanceTests {
    @Test(arguments: StorageConformance.all)
    func conforms(_ requirement: StorageConformance) async throws {
        let directory = TemporaryDirectory()
        let storage = try SQLiteStorage(path: directory.database)
        try await requirement.check(storage)
        await storage.close()
    }
}
