import Testing
import XML
import XMPP

@testable import XMPPServer

@Suite struct TraceRingTests {
    private static let romeo = JID("romeo@example.org/r")!
    private static let time = Timestamp(milliseconds: 1_335_434_400_000)

    private func message(_ id: String) throws -> Stanza {
        let text = "<message id='\(id)' type='chat'><body>secret</body></message>"
        return try #require(Stanza(Element(parsing: text, contentNamespace: .client)))
    }

    @Test func whatIsNotedIsReadBack() throws {
        let ring = TraceRing(byteCount: 10_000, index: 3)
        let juliet = JID("juliet@example.org")
        let one = ring.began(try message("m1"), from: Self.romeo, to: juliet, at: Self.time)
        let two = ring.began(try message("m2"), from: Self.romeo, to: nil, at: Self.time)
        ring.record(.refused, "blocking", "service-unavailable", of: one, at: Timestamp(milliseconds: 5))
        #expect(one != two)
        let entries = TraceEntry.all(in: ring.contents)
        #expect(entries.map(\.moment) == [.received, .received, .refused])
        #expect(entries.map(\.number) == [one, two, one])
        #expect(entries[0].texts == ["m1", "romeo@example.org/r", "juliet@example.org"])
        #expect(entries[0].type == .chat && entries[0].time == Self.time)
        #expect(entries[1].texts == ["m2", "romeo@example.org/r", ""])
        #expect(entries[2].texts == ["blocking", "service-unavailable", ""])
        #expect(!String(decoding: ring.contents, as: UTF8.self).contains("secret"))
    }

    @Test func memoryIsBoundedAndTheLatestStays() throws {
        let ring = TraceRing(byteCount: 10_000, index: 0)
        for number in 0..<2_000 {
            let id = "\(number)-" + String(repeating: "x", count: number % 700)
            _ = ring.began(try message(id), from: Self.romeo, to: nil, at: Self.time)
        }
        let contents = ring.contents
        #expect(contents.count <= 10_000)
        let entries = TraceEntry.all(in: contents)
        let numbers = entries.compactMap { $0.texts.first?.prefix { $0 != "-" } }.compactMap { Int($0) }
        #expect(numbers.last == 1_999)
        #expect(numbers == Array((2_000 - numbers.count)..<2_000))
        #expect(numbers.count > 10)
        #expect(entries.allSatisfy { $0.texts.allSatisfy { $0.utf8.count <= TraceRing.maximumTextSize } })
    }
}
