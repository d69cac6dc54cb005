import Testing
import XMPP
import XMPPServer

@Suite("Archive ids")
struct ArchiveIDGeneratorTests {
    @Test("Ids tell the time and grow, even when the clock stands still or goes back")
    func growing() {
        let generator = ArchiveIDGenerator(after: nil)
        let times: [Int64] = [1_000, 1_000, 1_000, 1_001, 900, -5, Int64.min, 1_002]
        let ids = times.map { generator.next(at: Timestamp(milliseconds: $0)) }

        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(ids.map { $0.rawValue >> 20 } == [1_000, 1_000, 1_000, 1_001, 1_001, 1_001, 1_001, 1_002])
    }

    @Test("Ids come after those of an earlier process")
    func seeded() {
        let newest = ArchiveID(rawValue: 5_000 << 20)
        #expect(ArchiveIDGenerator(after: newest).next(at: Timestamp(milliseconds: 1)) > newest)
    }

    @Test("A clock far in the future does no harm")
    func farFuture() {
        let generator = ArchiveIDGenerator(after: nil)
        let first = generator.next(at: Timestamp(milliseconds: .max))
        #expect(first < generator.next(at: Timestamp(milliseconds: .max)))
    }

    @Test("No id is handed out twice, whoever asks")
    func concurrently() async {
        let generator = ArchiveIDGenerator(after: nil)
        let ids = await withTaskGroup(of: [ArchiveID].self) { tasks in
            for _ in 0..<8 {
                tasks.addTask { (0..<1_000).map { _ in generator.next(at: Timestamp(milliseconds: 7)) } }
            }
            return await tasks.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == 8_000)
    }
}
