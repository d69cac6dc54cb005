import NIOCore
import Synchronization
import XML

/// The BOSH sessions of a site, XEP-0124: finds or makes a request's session.
public final class BOSHSessions: Sendable {
    private struct State {
        var limits: XMLLimits
        /// The maximum bytes of a request that begins a session.
        var largestBeginning: Int
        var sessions: [String: (session: BOSHSession, loop: any EventLoop)] = [:]
        var isStopping = false
    }

    private let state: Mutex<State>
    private let makeStream: @Sendable (any EventLoop) -> StreamConnection
    private let admit: @Sendable (any Channel) -> Bool

    /// - Parameters:
    ///   - limits: those of the largest stanza; a request may be somewhat larger. The limits of the client apply when
    ///     its stream takes the content.
    ///   - strangers: those for requests that begin a session.
    ///   - makeStream: makes the handler of a stream on a loop.
    ///   - admit: counts a session as a connection while its channel is open; false: there are too many.
    public init(
        limits: XMLLimits,
        strangers: XMLLimits,
        makeStream: @escaping @Sendable (any EventLoop) -> StreamConnection,
        admit: @escaping @Sendable (any Channel) -> Bool
    ) {
        state = Mutex(
            State(limits: Self.limits(limits), largestBeginning: Self.largestBeginning(strangers)))
        self.makeStream = makeStream
        self.admit = admit
    }

    /// Changes the limits.
    public func use(limits: XMLLimits, strangers: XMLLimits) {
        state.withLock { state in
            state.limits = Self.limits(limits)
            state.largestBeginning = Self.largestBeginning(strangers)
        }
    }

    /// The limits of a request with stanzas in it.
    private static func limits(_ limits: XMLLimits) -> XMLLimits {
        var limits = limits
        limits.stanzaBytes += 4096
        limits.depth += 1
        return limits
    }

    private static func largestBeginning(_ strangers: XMLLimits) -> Int { strangers.stanzaBytes + 4096 }

    /// The maximum bytes of a request's body.
    public var largestRequest: Int { state.withLock { $0.limits.stanzaBytes } }

    /// The answer to a larger request.
    public static var refusalOfTooLarge: ByteBuffer { BOSHSession.refusal(.policyViolation) }

    /// Answers a request, possibly later.
    ///
    /// - Parameters:
    ///   - loop: the loop of a new session.
    ///   - address: the client's.
    public func respond(to bytes: ByteBuffer, on loop: any EventLoop, from address: SocketAddress?) async -> ByteBuffer
    {
        do throws(BOSHCondition) {
            let (limits, largestBeginning) = state.withLock { ($0.limits, $0.largestBeginning) }
            let body = try BOSHBody(parsing: bytes, limits: limits)
            if let id = body.sessionID {
                guard let (session, loop) = state.withLock({ $0.sessions[id] }) else { throw .itemNotFound }
                return await answer(body, on: loop) { session }
            }
            // The session keeps part of its content.
            guard bytes.readableBytes <= largestBeginning else { throw .policyViolation }
            // XEP-0124 §17.2.
            guard body.domain != nil else { throw .improperAddressing }
            guard !state.withLock({ $0.isStopping }) else { throw .systemShutdown }
            return await answer(body, on: loop) { [self] in begin(body, on: loop, from: address) }
        } catch {
            return BOSHSession.refusal(error)
        }
    }

    /// Ends all sessions, as the server stops; held requests are answered.
    public func stop() {
        let open = state.withLock { state in
            state.isStopping = true
            return Array(state.sessions.values)
        }
        for (session, loop) in open { loop.execute { session.shutDown() } }
    }

    private func answer(
        _ body: BOSHBody, on loop: any EventLoop, _ session: @escaping @Sendable () -> BOSHSession?
    ) async -> ByteBuffer {
        let answer = loop.makePromise(of: ByteBuffer.self)
        loop.execute {
            if let session = session() {
                session.take(body, answer)
            } else {
                answer.succeed(BOSHSession.refusal(.policyViolation))
            }
        }
        return (try? await answer.futureResult.get()) ?? BOSHSession.refusal(.remoteConnectionFailed)
    }

    private func begin(_ body: BOSHBody, on loop: any EventLoop, from address: SocketAddress?) -> BOSHSession? {
        let channel = BOSHChannel(eventLoop: loop, remoteAddress: address)
        guard admit(channel) else {
            channel.close(promise: nil)
            return nil
        }
        let session = BOSHSession(body, on: channel) { [weak self] session in
            self?.state.withLock { $0.sessions[session.id] = nil }
        }
        channel.owner = session
        state.withLock { $0.sessions[session.id] = (session, loop) }
        let stream = makeStream(loop)
        do {
            try channel.pipeline.syncOperations.addHandlers([ElementFraming(stream), stream])
        } catch {
            channel.close(promise: nil)
            return nil
        }
        return session
    }
}
