import NIOCore
import NIOPosix
import Synchronization
import XMPPServer

/// Collects what a server sends to a client until the client reads it.
final class Inbox: Sendable {
    private struct State: ~Copyable {
        var parser: StreamParser
        var received: [Received] = []
        var hasEnded = false
        var waiting: (number: Int, continuation: CheckedContinuation<Received?, Never>)?
        var lastNumber = 0
    }

    private static let limits = XMLLimits.ownOutput
    /// How long a client waits in vain, in real time.
    static let patience = TimeAmount.seconds(60)

    private let state: Mutex<State>

    /// - Parameter contentNamespace: that of the stream's stanzas.
    init(contentNamespace: Namespace = .client) {
        state = Mutex(State(parser: StreamParser(limits: Self.limits, contentNamespace: contentNamespace)))
    }

    func feed(_ bytes: ByteBuffer) {
        state.withLock { state in
            state.parser.feed(bytes)
            do throws(XMLError) {
                while let event = try state.parser.next() {
                    switch event {
                    case .opened(let root): state.received.append(.opened(root))
                    case .closed: state.received.append(.closed)
                    case .element(let element):
                        state.received.append(.element(element))
                        // RFC 6120 §5.4.3.3, §6.4.6: the stream is restarted.
                        if element.isNamed("proceed", .tls) || element.isNamed("success", .sasl) {
                            state.parser.restart()
                        }
                    }
                }
            } catch {
                state.received.append(.malformed("\(error)"))
            }
        }
        wake()
    }

    /// The connection has ended.
    func end() {
        let isNew = state.withLock { state in
            defer { state.hasEnded = true }
            if !state.hasEnded { state.received.append(.ended) }
            return !state.hasEnded
        }
        if isNew { wake() }
    }

    private func wake() {
        let woken: (CheckedContinuation<Received?, Never>, Received)? = state.withLock { state in
            guard let waiting = state.waiting, !state.received.isEmpty else { return nil }
            state.waiting = nil
            return (waiting.continuation, state.received.removeFirst())
        }
        woken?.0.resume(returning: woken?.1)
    }

    /// The next thing from the server; nil if nothing comes. One caller at a time.
    func next(within patience: TimeAmount = patience) async -> Received? {
        await withCheckedContinuation { continuation in
            let number = state.withLock { state in
                state.lastNumber += 1
                state.waiting = (state.lastNumber, continuation)
                return state.lastNumber
            }
            wake()
            let isWaiting = state.withLock { $0.waiting?.number == number }
            guard isWaiting else { return }
            MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: patience) {
                let late: CheckedContinuation<Received?, Never>? = self.state.withLock { state in
                    guard let waiting = state.waiting, waiting.number == number else { return nil }
                    state.waiting = nil
                    return waiting.continuation
                }
                late?.resume(returning: nil)
            }
        }
    }
}
