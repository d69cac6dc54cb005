import NIOCore
import NIOPosix
import Synchronization
import Testing
import XMPP

@testable import XMPPStream

@Suite("Stanzas from loop to loop", .timeLimit(.minutes(10))) struct LoopContextTests {
    /// Takes down what it gets, and in how many ticks of its loop.
    private final class Recorder: StanzaRecipient {
        struct State {
            var stanzas: [String] = []
            var ticks = 0
            var isInTick = false
            var expected: (count: Int, promise: EventLoopPromise<Void>)?
        }

        let loop: any EventLoop
        private let state = Mutex(State())

        init(loop: any EventLoop) { self.loop = loop }

        var stanzas: [String] { state.withLock { $0.stanzas } }
        var ticks: Int { state.withLock { $0.ticks } }

        func deliver(_ stanza: OutgoingStanza) {
            loop.assertInEventLoop()
            let (isFirst, promise) = state.withLock { state in
                state.stanzas.append(String(buffer: stanza.bytes))
                let isFirst = !state.isInTick
                state.isInTick = true
                if isFirst { state.ticks += 1 }
                let isComplete = state.stanzas.count == state.expected?.count
                return (isFirst, isComplete ? state.expected?.promise : nil)
            }
            if isFirst { loop.execute { self.state.withLock { $0.isInTick = false } } }
            promise?.succeed(())
        }

        func received(_ count: Int) async throws {
            let promise = loop.makePromise(of: Void.self)
            let isComplete = state.withLock { state in
                state.expected = (count, promise)
                return state.stanzas.count >= count
            }
            if isComplete { promise.succeed(()) }
            try await promise.futureResult.get()
        }
    }

    @Test("All that is sent to a loop in one tick arrives in one")
    func batches() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (first, second) = (LoopContext(eventLoop: group.next()), LoopContext(eventLoop: group.next()))
        let recorder = Recorder(loop: second.eventLoop)
        for round in 1...20 {
            try await first.eventLoop.submit {
                for number in 0..<500 {
                    first.send(OutgoingStanza(ByteBuffer(string: "\(number)"), .message), to: recorder, on: second)
                }
            }.get()
            try await recorder.received(round * 500)
            #expect(recorder.ticks == round)
        }
        #expect(recorder.stanzas == (0..<20).flatMap { _ in (0..<500).map { "\($0)" } })
        try await group.shutdownGracefully()
    }

    @Test("Between any two loops order is kept, in both directions at once")
    func order() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (first, second) = (LoopContext(eventLoop: group.next()), LoopContext(eventLoop: group.next()))
        let recorders = [Recorder(loop: second.eventLoop), Recorder(loop: first.eventLoop)]
        let count = 20_000
        for (from, to, recorder) in [(first, second, recorders[0]), (second, first, recorders[1])] {
            @Sendable func tick(_ start: Int) {
                // Batches of many sizes, one each tick.
                let end = min(count, start + 1 + start % 37)
                for number in start..<end {
                    from.send(OutgoingStanza(ByteBuffer(integer: number), .message), to: recorder, on: to)
                }
                if end < count { from.eventLoop.execute { tick(end) } }
            }
            from.eventLoop.execute { tick(0) }
        }
        let expected = (0..<count).map { String(buffer: ByteBuffer(integer: $0)) }
        for recorder in recorders {
            try await recorder.received(count)
            #expect(recorder.stanzas == expected)
        }
        try await group.shutdownGracefully()
    }

    @Test("From anywhere, each thread's stanzas keep their order")
    func post() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let context = LoopContext(eventLoop: group.next())
        let recorder = Recorder(loop: context.eventLoop)
        await withTaskGroup(of: Void.self) { tasks in
            for sender in 0..<4 {
                tasks.addTask {
                    for number in 0..<1_000 {
                        context.post(OutgoingStanza(ByteBuffer(string: "\(sender) \(number)"), .message), to: recorder)
                    }
                }
            }
        }
        try await recorder.received(4_000)
        for sender in 0..<4 {
            let found = recorder.stanzas.filter { $0.hasPrefix("\(sender) ") }
            #expect(found == (0..<1_000).map { "\(sender) \($0)" })
        }
        try await group.shutdownGracefully()
    }
}
