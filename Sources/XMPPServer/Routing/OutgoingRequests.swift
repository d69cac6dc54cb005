import NIOCore
import Synchronization
import XML
import XMPP

/// The server's own requests to clients that wait for their answers. Their number is bounded, and each has a deadline.
final class OutgoingRequests: Sendable {
    static let capacity = 10_000

    private struct Request {
        let from: JID
        let session: ClientSession
        let then: @Sendable (RequestAnswer) -> Void
        var timer: Scheduled<Void>?

        /// A session that was resumed is the one that it was.
        func isFor(_ other: ClientSession) -> Bool { other.jid == session.jid && other.boundAt == session.boundAt }
    }

    /// By their ids, which nobody can guess.
    private let requests = Mutex<[String: Request]>([:])

    /// Sends a request that `write` writes.
    func send(
        _ kind: IQRequest.Kind, from: JID, to session: ClientSession, addressed address: JID, within time: TimeAmount,
        _ write: (inout XMLWriter) -> Void, then: @escaping @Sendable (RequestAnswer) -> Void
    ) {
        let id = SecureRandom.text(length: 16)
        let isTaken = requests.withLock { requests in
            guard requests.count < Self.capacity else { return false }
            requests[id] = Request(from: from, session: session, then: then)
            return true
        }
        guard isTaken else { return then(.none) }
        let timer = session.loop.eventLoop.scheduleTask(in: time) { self.end(id, .none) }
        requests.withLock { $0[id]?.timer = timer }
        session.send { writer in
            writer.start("iq", .client)
            writer.attribute("type", kind == .get ? "get" as StaticString : "set")
            writer.attribute("id", id)
            writer.attribute("from", from.string)
            writer.attribute("to", address.string)
            write(&writer)
            writer.end()
        }
        // It may have ended just before the request was noted.
        if session.record.session(session.jid.resource ?? "") !== session { end(id, .none) }
    }

    /// Takes an answer. `false`: nobody here has asked for it.
    func answered(_ stanza: Stanza, from session: ClientSession, to: JID?) -> Bool {
        guard let id = stanza.id,
            requests.withLock({ $0[id].map { $0.isFor(session) && (to == nil || to == $0.from) } ?? false })
        else { return false }
        if stanza.type == .result {
            end(id, .result(stanza.element.firstChild))
        } else {
            end(id, .error(stanza.element.child("error", .client)))
        }
        return true
    }

    /// The session is over: it answers nothing any more.
    func ended(_ session: ClientSession) {
        let ids = requests.withLock { requests in
            requests.isEmpty ? [] : requests.filter { $0.value.isFor(session) }.map(\.key)
        }
        for id in ids { end(id, .none) }
    }

    private func end(_ id: String, _ answer: RequestAnswer) {
        guard let request = requests.withLock({ $0.removeValue(forKey: id) }) else { return }
        request.timer?.cancel()
        request.then(answer)
    }
}

/// What came of a request of the server's own.
public enum RequestAnswer: Sendable {
    /// A result, with its payload.
    case result(Element?)
    /// It was refused, with this element `error`.
    case error(Element?)
    /// Nobody was there to answer, or the time is over.
    case none
}

extension StanzaRouter {
    /// Sends a request in the name of a host or an account to a client of an account that is served here,
    /// RFC 6120 §8.2.3.
    ///
    /// - Parameters:
    ///   - to: a full JID, or a bare one, which means its most available session.
    ///   - time: until when the answer has to have come.
    ///   - then: called once with what came of it, from any thread; it must not block.
    public func request(
        _ kind: IQRequest.Kind, from: JID, to: JID, within time: Duration,
        _ write: (inout XMLWriter) -> Void, then: @escaping @Sendable (RequestAnswer) -> Void
    ) {
        let record = hosts.cachedAccount(to)
        let session =
            to.isFull
            ? record?.session(to.resource ?? "")
            : record?.sessions.filter(\.isAvailable).max { ($0.priority ?? -1) < ($1.priority ?? -1) }
        guard let session else { return then(.none) }
        outgoing.send(kind, from: from, to: session, addressed: to, within: TimeAmount(time), write, then: then)
    }
}
