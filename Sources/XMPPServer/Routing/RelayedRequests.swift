import DequeModule
import Synchronization
import XMPP

/// The requests that were passed on to an account's sessions and are not answered yet: if a session ends without an answer,
/// the sender of the request gets an error, RFC 6120 §8.2.3.
///
/// Their number and bytes are bounded: of too many the oldest is forgotten.
final class RelayedRequests: Sendable {
    struct Request: Sendable {
        let id: String
        /// The sender, a full JID.
        let from: JID
        /// The session that was asked. A session that is resumed stays the same.
        let resource: String
        let boundAt: Timestamp

        fileprivate var byteCount: Int { id.utf8.count + from.string.utf8.count + resource.utf8.count }

        init(id: String, from: JID, to session: ClientSession) {
            self.id = id
            self.from = from
            resource = session.jid.resource ?? ""
            boundAt = session.boundAt
        }

        fileprivate func isFor(_ session: ClientSession) -> Bool {
            resource == session.jid.resource && boundAt == session.boundAt
        }
    }

    private struct State {
        var requests = Deque<Request>()
        var byteCount = 0

        mutating func remove(at index: Int) -> Request {
            let request = requests.remove(at: index)
            byteCount -= request.byteCount
            return request
        }
    }

    private static let maximumCount = 256
    private static let maximumBytes = 64 << 10

    private let state = Mutex(State())

    /// Adds a request.
    func add(_ request: Request) {
        state.withLock { state in
            state.requests.append(request)
            state.byteCount += request.byteCount
            while let first = state.requests.first,
                state.requests.count > Self.maximumCount || state.byteCount > Self.maximumBytes
            {
                state.byteCount -= first.byteCount
                state.requests.removeFirst()
            }
        }
    }

    /// Removes a request that the session has answered, or that is answered in its place. False: there is none.
    @discardableResult
    func answered(_ id: String, by session: ClientSession, to asker: JID) -> Bool {
        state.withLock { state in
            let found = state.requests.firstIndex { $0.id == id && $0.from == asker && $0.isFor(session) }
            guard let found else { return false }
            _ = state.remove(at: found)
            return true
        }
    }

    /// Removes and returns the requests that a session has not answered at its end.
    func ended(_ session: ClientSession) -> [Request] {
        state.withLock { state in
            var ended: [Request] = []
            for index in state.requests.indices.reversed() where state.requests[index].isFor(session) {
                ended.append(state.remove(at: index))
            }
            return ended.reversed()
        }
    }
}

extension AccountRecord {
    static let relayedRequests = AccountRecord.Slot("relayed requests") { RelayedRequests() }
}
