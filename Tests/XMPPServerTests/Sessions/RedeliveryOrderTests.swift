import Synchronization
import Testing
import XMPP

@testable import XMPPServer

@Suite("Whose turn it is to redeliver") struct RedeliveryOrderTests {
    private final class Session: Sendable {
        let resource: String
        let messages: Mutex<[Int64]>

        init(_ number: Int, _ messages: [Int64]) {
            resource = "\(1_000 + number)"
            self.messages = Mutex(messages)
        }
    }

    /// Lets sessions take their messages in turn, as they do on their loops.
    private final class Run: Sendable {
        let order = RedeliveryOrder()
        let taken = Mutex<[(time: Int64, resource: String)]>([])
        let steps = Mutex(0)
        private let waiting = Mutex<[Session]>([])

        /// Goes on until nobody can.
        func finish(_ sessions: [Session]) {
            // Each has said where its first message stands before any goes on.
            for session in sessions {
                let first = session.messages.withLock { $0[0] }
                let place = RedeliveryOrder.Place(time: Timestamp(milliseconds: first), resource: session.resource)
                _ = order.isTurn(of: session, at: place) {}
            }
            waiting.withLock { $0 = sessions }
            while let session = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { step(session, sessions) }
        }

        private func step(_ session: Session, _ sessions: [Session]) {
            while let next = session.messages.withLock({ $0.first }) {
                steps.withLock { $0 += 1 }
                let place = RedeliveryOrder.Place(time: Timestamp(milliseconds: next), resource: session.resource)
                let isTurn = order.isTurn(of: session, at: place) { [self] in waiting.withLock { $0.append(session) } }
                guard isTurn else { return }
                taken.withLock { $0.append((next, session.resource)) }
                // The others have it as well.
                for other in sessions { other.messages.withLock { $0.removeAll { $0 == next } } }
            }
            order.ended(session)
        }
    }

    @Test("The oldest message comes first, whoever has it, and everybody comes to an end")
    func oldestFirst() {
        var generator = SystemRandomNumberGenerator()
        for count in 1...20 {
            let sessions = (0..<count).map { number in
                Session(number, Set((0..<20).map { _ in Int64.random(in: 0..<200, using: &generator) }).sorted())
            }
            let run = Run()
            let all = Set(sessions.flatMap { session in session.messages.withLock { $0 } })
            run.finish(sessions)
            #expect(run.taken.withLock { $0.map(\.time) } == all.sorted())
        }
    }

    @Test("Of one message the session with the first resource sees to it")
    func sameMessage() {
        let sessions = (0..<5).map { Session($0, [1]) }
        let run = Run()
        run.finish(sessions)
        #expect(run.taken.withLock { $0.map(\.resource) } == ["1000"])
    }

    @Test("Each message costs each session no more than a step", arguments: [10, 100])
    func linear(_ count: Int) {
        let messages = (0..<50).map { Int64($0) }
        let run = Run()
        run.finish((0..<count).map { Session($0, messages) })
        #expect(run.taken.withLock { $0.count } == 50)
        #expect(run.steps.withLock { $0 } <= (50 + 1) * (count + 1))
    }
}
