import Dispatch
import NIOCore
import Synchronization
import Testing
import TestKit
import XMPP
import XMPPStream

@testable import XMPPServer

/// The outbox against a model of what XEP-0198 promises: nothing is lost, nothing comes twice that was acknowledged, and
/// the order is kept, whatever happens in which order.
@Suite("What waits for a client that acknowledges", .timeLimit(.minutes(10))) struct SessionOutboxTests {
    private static let limits = ResumptionSettings(
        time: .seconds(60), stanzas: 1_000_000, bytes: 1 << 30, patience: .seconds(60))

    /// What every session of an outbox belongs to; sessions serve as owners alone.
    private struct Owners {
        let server: TestServer
        let host: Host
        let record: AccountRecord
        let loop: LoopContext

        init() async throws {
            server = try await TestServer()
            host = try server.host()
            let romeo = try #require(JID("romeo@example.org"))
            record = try #require(try await host.accounts.load(romeo))
            loop = server.server.loops.next
        }

        func owner(of outbox: SessionOutbox) -> SessionOutput {
            SessionOutput(
                jid: record.jid.with(resource: "orchard") ?? record.jid, record: record, host: host, loop: loop,
                outbox: outbox)
        }
    }

    private static func stanza(_ number: Int, isMessage: Bool) -> OutgoingStanza {
        let text = isMessage ? "<message id=\"\(number)\"/>" : "<presence id=\"\(number)\"/>"
        return OutgoingStanza(ByteBuffer(string: text), isMessage ? .message : .presence)
    }

    private static func number(_ stanza: ByteBuffer) -> Int? {
        String(buffer: stanza).split(separator: "\"").dropFirst().first.flatMap { Int($0) }
    }

    // MARK: One schedule after the other

    /// One outbox, its client and its storage, and what has been promised of it.
    private struct Model {
        let owners: Owners
        var random: SeededGenerator
        var outbox: SessionOutbox
        var owner: SessionOutput
        let resumption = Resumption.random(time: .seconds(60))
        /// Where the storage is, by position.
        var stored: [UnacknowledgedMessage] = []
        var next = 1
        /// The numbers of all messages that were taken.
        var messages: [Int] = []
        /// What is on its way to the client.
        var wire: [ByteBuffer] = []
        var isConnected = true
        /// What the client has, and how it counts.
        var received: [Int] = []
        var handled: UInt32
        /// What the client has said that it has.
        var acknowledged: Set<Int> = []
        var redelivered: [Int] = []
        var hasEnded = false

        init(_ owners: Owners, seed: UInt64) {
            self.owners = owners
            random = SeededGenerator(seed)
            // Counts wrap round.
            handled = [0, 5, .max - 7, .max][Int(seed % 4)]
            outbox = SessionOutbox(
                SessionOutboxTests.limits, unwrittenBytes: 1 << 30, resumption, messages: [],
                of: owners.host, at: Timestamp(milliseconds: 0))
            owner = owners.owner(of: outbox)
            outbox.restored(to: owner)
            isConnected = false
        }

        mutating func apply(_ changes: [StorageChange]) {
            for change in changes {
                switch change {
                case .appendUnacknowledged(_, let message): stored.append(message)
                case .removeUnacknowledged(_, let position): stored.removeAll { $0.position <= position }
                default: Issue.record("what is \(change)?")
                }
            }
        }

        mutating func append() {
            let isMessage = Int.random(in: 0..<3, using: &random) > 0
            let (appended, _) = outbox.append(
                SessionOutboxTests.stanza(next, isMessage: isMessage), at: Timestamp(milliseconds: Int64(next)))
            guard case .taken(let changes) = appended else {
                #expect(hasEnded)
                return
            }
            apply(changes)
            if isMessage { messages.append(next) }
            next += 1
        }

        mutating func write() {
            guard isConnected else { return }
            wire += outbox.takeUnwritten(for: owner, room: Int.random(in: 0..<200, using: &random)).stanzas
        }

        mutating func receive() {
            for stanza in wire.prefix(Int.random(in: 0...4, using: &random)) {
                wire.removeFirst()
                handled &+= 1
                if let number = SessionOutboxTests.number(stanza) { received.append(number) }
            }
        }

        mutating func acknowledge() {
            guard isConnected else { return }
            // Neither more than it can have, nor less than it has said before.
            #expect(outbox.acknowledge(handled &+ UInt32(wire.count) &+ 1) == nil)
            #expect(outbox.acknowledge(handled &- UInt32(received.count) &- 1) == nil)
            guard let changes = outbox.acknowledge(handled) else {
                Issue.record("the client has handled \(handled), which the server does not believe")
                return
            }
            apply(changes)
            acknowledged = Set(received)
        }

        mutating func lose() {
            outbox.disconnected(owner, at: Timestamp(milliseconds: 0))
            isConnected = false
            wire = []
        }

        mutating func resume() {
            lose()
            var late: SessionOutbox.Taker?
            if Bool.random(using: &random), case .prepared(let changes, let taker) = outbox.prepare(handled, of: owner)
            {
                apply(changes)
                late = taker
            }
            guard case .prepared(let changes, let taker) = outbox.prepare(handled, of: owner) else {
                Issue.record("the session cannot be resumed")
                return
            }
            apply(changes)
            acknowledged = Set(received)
            let session = owners.owner(of: outbox)
            if let late { #expect(!outbox.change(owner: owner, to: session, by: late)) }
            // Others may send meanwhile.
            append()
            #expect(outbox.change(owner: owner, to: session, by: taker))
            #expect(!outbox.change(owner: owner, to: session, by: taker))
            guard case .over = outbox.prepare(handled, of: owner) else {
                Issue.record("the former owner is still one")
                return
            }
            owner = session
            apply(outbox.connected(owner, at: Timestamp(milliseconds: 0)))
            isConnected = true
        }

        /// The process is killed, and another one finds what was stored.
        mutating func restart() {
            wire = []
            outbox = SessionOutbox(
                SessionOutboxTests.limits, unwrittenBytes: 1 << 30, resumption, messages: stored,
                of: owners.host, at: Timestamp(milliseconds: 0))
            owner = owners.owner(of: outbox)
            outbox.restored(to: owner)
            isConnected = false
            for _ in 0..<Int.random(in: 0..<3, using: &random) { append() }
        }

        mutating func end() {
            var taker: SessionOutbox.Taker?
            if Bool.random(using: &random), case .prepared(let changes, let last) = outbox.prepare(handled, of: owner) {
                apply(changes)
                acknowledged = Set(received)
                taker = last
            }
            #expect(outbox.beginToLeave(owner))
            #expect(!outbox.beginToLeave(owner))
            if let taker { #expect(!outbox.change(owner: owner, to: owners.owner(of: outbox), by: taker)) }
            if case .prepared = outbox.prepare(handled, of: owner) { Issue.record("it is resumed though it ends") }
            repeat {
                if Int.random(in: 0..<4, using: &random) == 0 { append() }
                let oldest = outbox.oldestMessage.flatMap { SessionOutboxTests.number($0.stanza.bytes) }
                guard let (entry, changes) = outbox.nextToRedeliver() else { continue }
                #expect(SessionOutboxTests.number(entry.stanza.bytes) == oldest)
                apply(changes)
                outbox.redelivered()
                if let number = SessionOutboxTests.number(entry.stanza.bytes) { redelivered.append(number) }
            } while !outbox.close()
            hasEnded = true
            append()
        }

        mutating func step() {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<7: append()
            case 7..<11: write()
            case 11..<14: receive()
            case 14..<16: acknowledge()
            case 16: lose()
            case 17, 18: resume()
            default: if Int.random(in: 0..<4, using: &random) == 0 { restart() }
            }
        }

        func check() {
            let isMessage = Set(messages)
            let gotten = received.filter(isMessage.contains)
            #expect(gotten == gotten.sorted() && Set(gotten).count == gotten.count, "order, and each once")
            #expect(redelivered == redelivered.sorted() && Set(redelivered).count == redelivered.count)
            #expect(Set(gotten).union(redelivered) == isMessage, "nothing is lost")
            #expect(acknowledged.isDisjoint(with: redelivered), "what is acknowledged does not come again")
            #expect(stored.isEmpty)
        }
    }

    @Test("Whatever happens to the session in which order, each message comes once, or is redelivered")
    func schedules() async throws {
        let owners = try await Owners()
        for seed in 1...400 as ClosedRange<UInt64> {
            var model = Model(owners, seed: seed)
            for _ in 0..<Int(seed % 90) { model.step() }
            model.end()
            model.check()
        }
        await owners.server.stop()
    }

    // MARK: Several threads

    @Test("Senders, a client that comes and goes, takers who are too late, and the end, each on a thread of its own")
    func threads() async throws {
        let owners = try await Owners()
        for seed in 1...40 as ClosedRange<UInt64> {
            let outbox = SessionOutbox(
                Self.limits, unwrittenBytes: 1 << 30, .random(time: .seconds(60)), messages: [],
                of: owners.host, at: Timestamp(milliseconds: 0))
            let owner = owners.owner(of: outbox)
            outbox.restored(to: owner)
            let client = Mutex(Client(owner: owner))
            let taken = Mutex<[[Int]]>(Array(repeating: [], count: 3))
            let redelivered = Mutex<[Int]>([])
            DispatchQueue.concurrentPerform(iterations: 6) { thread in
                var random = SeededGenerator(seed &* 10 &+ UInt64(thread))
                switch thread {
                case 0..<3:
                    for count in 0..<400 {
                        let number = count * 3 + thread
                        let stanza = Self.stanza(number, isMessage: true)
                        guard case .taken = outbox.append(stanza, at: Timestamp(milliseconds: 0)).0 else { break }
                        taken.withLock { $0[thread].append(number) }
                    }
                case 3:
                    for _ in 0..<300 { client.withLock { $0.step(outbox, owners, &random) } }
                case 4:
                    // It prepares, and then is too late, or does not come at all.
                    for _ in 0..<300 {
                        let (owner, handled) = client.withLock { ($0.owner, $0.acknowledged) }
                        _ = outbox.prepare(handled, of: owner)
                    }
                default:
                    for _ in 0..<Int.random(in: 0..<3_000, using: &random) { _ = outbox.count }
                    while !client.withLock({ outbox.beginToLeave($0.owner) }) {}
                    repeat {
                        while let (entry, _) = outbox.nextToRedeliver() {
                            if let number = Self.number(entry.stanza.bytes) {
                                redelivered.withLock { $0.append(number) }
                            }
                            outbox.redelivered()
                        }
                    } while !outbox.close()
                }
            }
            let received = client.withLock { $0.received }
            let left = redelivered.withLock { $0 }
            #expect(Set(received).count == received.count && Set(left).count == left.count)
            #expect(Set(received).union(left) == Set(taken.withLock { $0.flatMap { $0 } }))
            for thread in 0..<3 {
                let own = received.filter { $0 % 3 == thread }
                #expect(own == own.sorted())
            }
        }
        await owners.server.stop()
    }

    /// A client, and the loop that writes to it.
    private struct Client {
        var owner: SessionOutput
        var isConnected = false
        var wire: [ByteBuffer] = []
        var received: [Int] = []
        var handled: UInt32 = 0
        var acknowledged: UInt32 = 0

        mutating func step(_ outbox: SessionOutbox, _ owners: Owners, _ random: inout SeededGenerator) {
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<3 where isConnected:
                wire += outbox.takeUnwritten(for: owner, room: 400).stanzas
            case 3..<5 where isConnected:
                let count = Int.random(in: 0...wire.count, using: &random)
                received += wire.prefix(count).compactMap(SessionOutboxTests.number)
                handled &+= UInt32(count)
                wire.removeFirst(count)
            case 5 where isConnected:
                // The end may have taken out what it acknowledges.
                if outbox.acknowledge(handled) != nil { acknowledged = handled }
            case 6:
                outbox.disconnected(owner, at: Timestamp(milliseconds: 0))
                (isConnected, wire) = (false, [])
            default:
                outbox.disconnected(owner, at: Timestamp(milliseconds: 0))
                (isConnected, wire) = (false, [])
                guard case .prepared(_, let taker) = outbox.prepare(handled, of: owner) else { return }
                acknowledged = handled
                let session = owners.owner(of: outbox)
                guard outbox.change(owner: owner, to: session, by: taker) else { return }
                owner = session
                _ = outbox.connected(owner, at: Timestamp(milliseconds: 0))
                isConnected = true
            }
        }
    }

    // MARK: Room

    private final class Counter: Sendable {
        let count = Mutex(0)
    }

    @Test("Who has much waits for room, and is told when there is some, or when there will be none")
    func room() async throws {
        let owners = try await Owners()
        let limits = ResumptionSettings(time: .seconds(60), stanzas: 4, bytes: 1 << 20, patience: .seconds(60))
        let outbox = SessionOutbox(
            limits, unwrittenBytes: 1 << 20, .random(time: .seconds(60)), messages: [], of: owners.host,
            at: Timestamp(milliseconds: 0))
        let owner = owners.owner(of: outbox)
        outbox.restored(to: owner)
        guard case .prepared(_, let taker) = outbox.prepare(0, of: owner) else {
            Issue.record("not prepared")
            return
        }
        let session = owners.owner(of: outbox)
        #expect(outbox.change(owner: owner, to: session, by: taker))
        _ = outbox.connected(session, at: Timestamp(milliseconds: 0))
        let told = Counter()
        #expect(outbox.hasRoom { told.count.withLock { $0 += 1 } })
        for number in 0..<2 { _ = outbox.append(Self.stanza(number, isMessage: true), at: Timestamp(milliseconds: 0)) }
        #expect(!outbox.hasRoom { told.count.withLock { $0 += 1 } })
        #expect(outbox.takeUnwritten(for: session, room: 1_000).stanzas.count == 2)
        #expect(told.count.withLock { $0 } == 0)
        #expect(outbox.acknowledge(1) != nil)
        #expect(told.count.withLock { $0 } == 1)
        _ = outbox.append(Self.stanza(2, isMessage: true), at: Timestamp(milliseconds: 0))
        #expect(!outbox.hasRoom { told.count.withLock { $0 += 1 } })
        #expect(outbox.beginToLeave(session))
        #expect(told.count.withLock { $0 } == 2)
        await owners.server.stop()
    }
}
