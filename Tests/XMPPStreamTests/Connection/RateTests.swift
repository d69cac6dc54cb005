import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("How fast a client is read", .timeLimit(.minutes(10))) struct RateTests {
    private static func messages(_ range: Range<Int>) -> String {
        range.map { "<message id='\($0)'/>" }.joined()
    }

    @Test("Over its rate a client is read later, and nothing is lost")
    func stanzas() async throws {
        let stream = try await TestStream.bound(
            StubDelegate(.inClear { $0.connection.stanzas = .init(perSecond: 10, burst: 20) }))
        // Two stanzas of the burst went for the sign-in.
        let session = try #require(stream.delegate.session)
        try await stream.send(Self.messages(0..<100))
        let first = session.received.count
        #expect((15...21).contains(first))
        #expect(try await !stream.isReading())
        let reads = stream.readCount
        for second in 1...7 {
            await stream.advance(.seconds(1))
            #expect((first + second * 10 - 2...first + second * 10 + 2).contains(session.received.count))
        }
        await stream.advance(.seconds(3))
        #expect(session.received == (0..<100).map { "\($0)" })
        #expect(stream.readCount == reads + 1)
        #expect(try await stream.isReading())
        #expect(stream.isOpen)
    }

    @Test("Bytes count as well as stanzas")
    func bytes() async throws {
        let stream = try await TestStream.bound(
            StubDelegate(.inClear { $0.connection.bytes = .init(perSecond: 1_000, burst: 5_000) }))
        let session = try #require(stream.delegate.session)
        try await stream.send("<message id='a'/>")
        #expect(session.received == ["a"])
        try await stream.send(String(repeating: " ", count: 8_000) + "<message id='b'/>")
        #expect(session.received == ["a"])
        #expect(try await !stream.isReading())
        await stream.advance(.seconds(2))
        #expect(session.received == ["a"])
        await stream.advance(.seconds(2))
        #expect(session.received == ["a", "b"])
        #expect(try await stream.isReading())
    }

    @Test("What came before the end of the connection is handled at once")
    func end() async throws {
        let stream = try await TestStream.bound(
            StubDelegate(.inClear { $0.connection.stanzas = .init(perSecond: 1, burst: 2) }))
        let session = try #require(stream.delegate.session)
        try await stream.send(Self.messages(0..<50))
        #expect(session.received.count < 5)
        try await stream.sendEnd()
        #expect(session.received.count == 50)
        #expect(session.end == .lost)
        #expect(!stream.isOpen)
    }

    @Test("A session that holds its stream gets what came before the end when it goes on")
    func heldAtTheEnd() async throws {
        let stream = try await TestStream.bound()
        let session = try #require(stream.delegate.session)
        try await stream.onLoop { $0.connection.pauseReading() }
        try await stream.send(Self.messages(0..<3))
        try await stream.sendEnd()
        #expect(session.received.isEmpty)
        #expect(stream.isOpen)
        try await stream.onLoop { $0.connection.resumeReading() }
        #expect(session.received == ["0", "1", "2"])
        #expect(session.end == .lost)
        #expect(!stream.isOpen)
    }

    @Test("A client that is held is not read")
    func held() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { $0.connection.pauseReading() }
        #expect(try await !stream.isReading())
        let reads = stream.readCount
        try await stream.onLoop { $0.connection.resumeReading() }
        #expect(stream.readCount == reads + 1)
        #expect(try await stream.isReading())
    }

    // MARK: The bucket

    private static func at(_ milliseconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds)
    }

    @Test func bucket() {
        var rate = RateLimit(perSecond: 10, burst: 3, now: Self.at(0))
        #expect(rate.take(1, now: Self.at(0)) == nil)
        #expect(rate.take(2, now: Self.at(0)) == nil)
        #expect(rate.take(1, now: Self.at(0)) == .milliseconds(100))
        #expect(rate.take(1, now: Self.at(50)) == .milliseconds(200))
        #expect(rate.take(0, now: Self.at(199)) == .milliseconds(100))
        #expect(rate.take(0, now: Self.at(200)) == nil)
        // It fills up no further than to the burst.
        #expect(rate.take(3, now: Self.at(100_000)) == nil)
        #expect(rate.take(1, now: Self.at(100_000)) == .milliseconds(100))
    }

    @Test("A debt is never longer than a minute, however large the piece")
    func debt() {
        var rate = RateLimit(perSecond: 1_000, burst: 1, now: Self.at(0))
        #expect(rate.take(.max, now: Self.at(0)) == .seconds(60))
        #expect(rate.take(.max, now: Self.at(30_000)) == .seconds(60))
        #expect(rate.take(0, now: Self.at(90_000)) == nil)
    }

    @Test("Without a rate nobody waits; a clock that goes back does no harm")
    func oddities() {
        var unlimited = RateLimit(perSecond: 0, burst: 0, now: Self.at(0))
        #expect(unlimited.take(.max, now: Self.at(0)) == nil)
        var rate = RateLimit(perSecond: 1, burst: 1, now: Self.at(1_000))
        #expect(rate.take(1, now: Self.at(0)) == nil)
        #expect(rate.take(1, now: Self.at(0)) == .seconds(1))
        var fast = RateLimit(perSecond: .max, burst: .max, now: Self.at(0))
        #expect(fast.take(1_000_000, now: Self.at(1)) == nil)
    }
}
