import Synchronization
import XMPP
import XMPPServer

/// The browser sessions of a site, under names that only this server can derive from the browsers' cookies. They
/// survive a restart, as they are stored as well. Bounded.
final class BrowserSessions: Sendable {
    static let storeName = "browser-session"
    /// The maximum number; beyond it the oldest are removed.
    static let capacity = 20_000
    /// The maximum number of an account; beyond it its oldest are removed.
    static let share = 50
    /// Milliseconds between searches for expired ones.
    private static let sweepTime: Int64 = 3_600_000

    fileprivate struct State {
        var sessions: [String: BrowserSession] = [:]
        var sweptAt = Timestamp(milliseconds: 0)
    }

    private let host: Host
    private let store: KeyedStore<BrowserSession>
    private let state = Mutex(State())

    init(of host: Host) {
        self.host = host
        // The owner is the host's JID, the key the session's name.
        store = KeyedStore(Self.storeName, in: host.storage)
    }

    /// Loads the sessions of the previous process. A session that cannot be loaded has to sign in again.
    func load() async {
        do throws(StorageError) {
            let stored = try await store.all(host.jid)
            state.withLock { $0.sessions.merge(stored) { present, _ in present } }
        } catch {
            _ = host.report(error)
        }
    }

    func find(_ name: String) -> BrowserSession? {
        let now = host.now()
        return state.withLock { $0.sessions[name] }.flatMap { $0.isOpen(now) ? $0 : nil }
    }

    func add(_ session: BrowserSession, _ name: String) async {
        let now = host.now()
        await change { state in
            state.sessions[name] = session
            let ended = state.removeEnded(now) + state.removeOldest(of: session.account)
            return [store.putting(session, host.jid, key: name)] + ended.map { store.removing(host.jid, key: $0) }
        }
    }

    func remove(_ name: String) async {
        await change { state in
            state.sessions.removeValue(forKey: name) == nil ? [] : [store.removing(host.jid, key: name)]
        }
    }

    /// Changes are stored in the order in which they are made here. If the storage fails, the ones in memory are valid
    /// until the restart.
    private func change(_ body: (inout State) -> [StorageChange]) async {
        let commit = Commit()
        state.withLock { state in
            let changes = body(&state)
            guard !changes.isEmpty else { return commit.finish(.success(())) }
            host.storage.submit(changes, completion: commit.finish)
        }
        do throws(StorageError) {
            try await commit.wait()
        } catch {
            _ = host.report(error)
        }
    }
}

extension BrowserSessions.State {
    fileprivate mutating func removeOldest(of account: JID) -> [String] {
        let own = sessions.filter { $0.value.account == account }
        guard own.count > BrowserSessions.share, let oldest = own.min(by: { $0.value.signedInAt < $1.value.signedInAt })
        else { return [] }
        sessions[oldest.key] = nil
        return [oldest.key]
    }

    /// Removes expired sessions, and the oldest if there are too many.
    fileprivate mutating func removeEnded(_ now: Timestamp) -> [String] {
        var ended: [String] = []
        if now.milliseconds - sweptAt.milliseconds > BrowserSessions.sweepTime
            || sessions.count > BrowserSessions.capacity
        {
            sweptAt = now
            ended = sessions.filter { !$0.value.isOpen(now) }.map(\.key)
        }
        for name in ended { sessions[name] = nil }
        while sessions.count > BrowserSessions.capacity,
            let oldest = sessions.min(by: { $0.value.signedInAt < $1.value.signedInAt })
        {
            sessions[oldest.key] = nil
            ended.append(oldest.key)
        }
        return ended
    }
}
