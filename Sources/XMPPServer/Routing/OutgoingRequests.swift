import NIOCore
import Synchronization
import XML
import XMPP

/// The server's own requests to clients that wait for their answers. Their number is bounded, and each has a deadline.
final class OutgoingRequests: Sendable {
    static let capacity = 10_000

    private struct Request {
        let from: JID
        /// Who answers: a full JID where a session does.
        let to: JID
        /// When the session was bound that answers; nil: a service does.
        let boundAt: Timestamp?
        let then: @Sendable (RequestAnswer) -> Void
        var timer: Scheduled<Void>?

        /// An account that is asked at another server has one of its sessions answer.
        func isAnswered(from: JID, to: JID?) -> Bool {
            (self.to.isFull ? from == self.to : from.isSameBare(as: self.to)) && (to == nil || to == self.from)
        }
    }

    /// By their ids, which cannot be guessed.
    private let requests = Mutex<[String: Request]>([:])

    /// Adds a request that is about to be sent.
    ///
    /// - Returns: its id; nil: there are too many.
    func begin(
        from: JID, to: JID, boundAt: Timestamp? = nil, within time: TimeAmount, on loop: LoopContext,
        then: @escaping @Sendable (RequestAnswer) -> Void
    ) -> String? {
        let id = SecureRandom.text(length: 16)
        let isTaken = requests.withLock { requests in
            guard requests.count < Self.capacity else { return false }
            requests[id] = Request(from: from, to: to, boundAt: boundAt, then: then)
            return true
        }
        guard isTaken else { return nil }
        let timer = loop.eventLoop.scheduleTask(in: time) { self.end(id, .none) }
        requests.withLock { $0[id]?.timer = timer }
        return id
    }

    /// Takes an answer. False: it answers no request of the server's own.
    func answered(_ stanza: Stanza, from: JID, to: JID?) -> Bool {
        guard let id = stanza.id,
            requests.withLock({ $0[id].map { $0.isAnswered(from: from, to: to) } ?? false })
        else { return false }
        if stanza.type == .result {
            end(id, .result(stanza.element.firstChild))
        } else {
            end(id, .error(stanza.element.child("error", .client)))
        }
        return true
    }

    /// Ends the requests to a session that has ended.
    func ended(_ session: ClientSession) {
        let ids = requests.withLock { requests in
            // A session that was resumed is the one that it was.
            requests.isEmpty
                ? [] : requests.filter { $0.value.to == session.jid && $0.value.boundAt == session.boundAt }.map(\.key)
        }
        for id in ids { end(id, .none) }
    }

    func end(_ id: String, _ answer: RequestAnswer) {
        guard let request = requests.withLock({ $0.removeValue(forKey: id) }) else { return }
        request.timer?.cancel()
        request.then(answer)
    }
}

/// The outcome of a request of the server's own.
public enum RequestAnswer: Sendable {
    /// A result, with its payload.
    case result(Element?)
    /// It was refused, with this element `error`.
    case error(Element?)
    /// There was no recipient, or the time is over.
    case none
}

extension StanzaRouter {
    /// Sends a request in the name of a host, an account or a service to a client of an account that is served here, or to a
    /// service, RFC 6120 §8.2.3.
    ///
    /// - Parameters:
    ///   - host: whose name it is in.
    ///   - to: a full JID, or a bare one, which means its most available session; or an address of a service.
    ///   - time: until when the answer has to have come.
    ///   - then: called once with the outcome, from any thread; it must not block.
    public func request(
        _ kind: IQRequest.Kind, from: JID, at host: Host, to: JID, within time: Duration,
        _ write: (inout XMLWriter) -> Void, then: @escaping @Sendable (RequestAnswer) -> Void
    ) {
        let session = hosts.cachedAccount(to).flatMap { $0.session(for: to) }
        if session == nil {
            switch hosts.recipient(of: to) {
            case .service, .remote: break
            case .account, .host, .unknown: return then(.none)
            }
        }
        guard
            let id = outgoing.begin(
                from: from, to: session?.jid ?? to, boundAt: session?.boundAt, within: TimeAmount(time),
                on: session?.loop ?? loops.next, then: then)
        else { return then(.none) }
        send(from: from, to: session?.jid ?? to, at: host) { writer in
            writer.start("iq", .client)
            writer.attribute("type", kind == .get ? "get" as StaticString : "set")
            writer.attribute("id", id)
            writer.attribute("from", from.string)
            writer.attribute("to", to.string)
            write(&writer)
            writer.end()
        }
        // It may have ended just before the request was noted.
        if let session, session.record.session(session.jid.resource ?? "") !== session { outgoing.end(id, .none) }
    }
}

extension AccountRecord {
    /// The session that a request to an address of the account is for.
    func session(for address: JID) -> ClientSession? {
        if let resource = address.resource { return session(resource) }
        return sessions.filter(\.isAvailable).max { ($0.priority ?? -1) < ($1.priority ?? -1) }
    }
}
