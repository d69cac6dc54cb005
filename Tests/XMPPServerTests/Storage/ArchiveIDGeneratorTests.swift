import Synchronization
import Testing
import XMPP

@testable import XMPPServer

@Suite("Archive ids")
struct ArchiveIDGeneratorTests {
    @Test("Ids tell the time and grow, even when the clock stands still or goes back")
    func growing() {
        let generator = ArchiveIDGenerator(after: nil)
        let times: [Int64] = [1_000, 1_000, 1_000, 1_001, 900, -5, Int64.min, 1_002]
        let ids = times.map { next(generator, $0) }

        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(ids.map { $0.rawValue >> 20 } == [1_000, 1_000, 1_000, 1_001, 1_001, 1_001, 1_001, 1_002])
    }

    @Test("Ids come after those of an earlier process")
    func seeded() {
        let newest = ArchiveID(rawValue: 5_000 << 20)
        #expect(next(ArchiveIDGenerator(after: newest), 1) > newest)
    }

    @Test("Servers that share a store never give the same id, and each goes on behind what the others have given")
    func nodes() {
        let newest = ArchiveID(rawValue: 5_000 << 20 + 77)
        let nodes = [0, 76, 77, 1023]
        let generators = nodes.map { ArchiveIDGenerator(after: newest, node: $0) }
        let ids = generators.flatMap { generator in [1, 5_000, 5_000, 5_001].map { next(generator, $0) } }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0 > newest })
        let remainders = ids.map { Int($0.rawValue % ArchiveID.nodeCount) }
        #expect(remainders == nodes.flatMap { Array(repeating: $0, count: 4) })
    }

    @Test("A clock far in the future does no harm")
    func farFuture() {
        let generator = ArchiveIDGenerator(after: nil)
        let first = next(generator, .max)
        #expect(first < next(generator, .max))
        #expect(first < next(generator, 1_000))
        // A thousand for each second of ten thousand years.
        #expect(first.rawValue < .max - 10_000 * 366 * 86_400 * 1_000)
    }

    @Test("An entry's time is the clock's, or its id's if that is about the same")
    func times() {
        let generator = ArchiveIDGenerator(after: nil)
        let times: [Int64] = [5_000, 4_999, 4_000, 3_999, 0, 5_001, .max, 6_000]
        let stored = times.map { next(generator, $0).time(at: Timestamp(milliseconds: $0)).milliseconds }
        #expect(stored == [5_000, 5_000, 5_000, 3_999, 0, 5_001, .max, 6_000])
    }

    @Test("No id is handed out twice, whoever asks")
    func concurrently() async {
        let generator = ArchiveIDGenerator(after: nil)
        let ids = await withTaskGroup(of: [ArchiveID].self) { tasks in
            for _ in 0..<8 {
                tasks.addTask { (0..<1_000).map { _ in next(generator, 7) } }
            }
            return await tasks.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == 8_000)
    }

    @Test("What is submitted along with an id comes in the order of the ids, whoever submits")
    func submitting() async {
        let generator = ArchiveIDGenerator(after: nil)
        let submitted = Submitted()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<1_000 {
                        generator.submitting(at: Timestamp(milliseconds: 7)) { next in
                            let ids = [next(), next()]
                            submitted.ids.withLock { $0 += ids }
                        }
                    }
                }
            }
        }
        let ids = submitted.ids.withLock { $0 }
        #expect(ids.count == 16_000 && zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    }

    private final class Submitted: Sendable {
        let ids = Mutex<[ArchiveID]>([])
    }

    @Test("Readers stop before what is reserved, until it has been submitted or given up")
    func frontier() throws {
        let romeo = try #require(JID("romeo@example.org"))
        let generator = ArchiveIDGenerator(after: nil)
        var first: ArchiveReservation? = generator.reserve(for: romeo, at: Timestamp(milliseconds: 1))
        let second = generator.reserve(for: romeo, at: Timestamp(milliseconds: 1))
        let last = next(generator, 1)
        #expect(generator.frontier(of: romeo) == first?.id)
        first = nil
        #expect(generator.frontier(of: romeo) == second.id)
        second.end()
        second.end()
        #expect(generator.frontier(of: romeo) > last)
    }

    @Test("What one archive waits for hides nothing of another")
    func frontiersOfOthers() throws {
        let romeo = try #require(JID("romeo@example.org/orchard"))
        let juliet = try #require(JID("juliet@example.org"))
        let host = try #require(JID("example.org"))
        let generator = ArchiveIDGenerator(after: nil)
        let reserved = generator.reserve(for: romeo.bare, at: Timestamp(milliseconds: 1))
        let last = next(generator, 1)
        #expect(generator.frontier(of: romeo) == reserved.id)
        #expect(generator.frontier(of: juliet) > last)
        #expect(generator.frontier(ofHost: host) == reserved.id)
        #expect(try generator.frontier(ofHost: #require(JID("example.net"))) > last)
    }

    @Test("A text stands for one id, tells nothing of it, and is another under another secret")
    func texts() {
        let generator = ArchiveIDGenerator(after: nil, secret: Array(1...16))
        let ids = (0..<1_000).map { ArchiveID(rawValue: 1_335_434_400_000 << 20 + $0) } + [ArchiveID(rawValue: .min)]
        let texts = ids.map(generator.text)
        #expect(Set(texts).count == ids.count)
        #expect(texts.map(generator.id) == ids)
        #expect(zip(texts, texts.dropFirst()).allSatisfy { $0.prefix(8) != $1.prefix(8) })
        #expect(ArchiveIDGenerator(after: nil).text(ids[0]) != texts[0])
        for text in ["", "1", "0123456789abcdeg", "0123456789ABCDEF", "0123456789abcdef0"] {
            #expect(generator.id(text) == nil)
        }
    }

    private func next(_ generator: ArchiveIDGenerator, _ milliseconds: Int64) -> ArchiveID {
        generator.submitting(at: Timestamp(milliseconds: milliseconds)) { $0() }
    }
}
