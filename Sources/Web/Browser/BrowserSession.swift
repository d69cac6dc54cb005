import Synchronization
import XMPP
import XMPPServer

/// Somebody who has signed in on the pages.
struct BrowserSession: Sendable {
    /// Who.
    let account: JID
    /// What the password was known by then: with another password, the session is over.
    let credential: [UInt8]
    let signedInAt: Timestamp
}

/// The sessions of a site, by the digest of what the browser keeps. They are in memory alone: who restarts the server
/// signs everybody out of the pages, and out of nothing else.
final class BrowserSessions: Sendable {
    /// How many there are at most; beyond them the oldest go.
    static let capacity = 20_000
    /// How many an account has at most; beyond them its own oldest go.
    static let share = 50
    /// Hours until somebody has to sign in again.
    static let lifetime = Duration.seconds(12 * 3600)

    private let sessions = Mutex<[[UInt8]: BrowserSession]>([:])

    func find(_ id: [UInt8], now: Timestamp) -> BrowserSession? {
        sessions.withLock { sessions in
            guard let session = sessions[id] else { return nil }
            guard session.isOpen(now) else {
                sessions[id] = nil
                return nil
            }
            return session
        }
    }

    func add(_ session: BrowserSession, _ id: [UInt8], now: Timestamp) {
        sessions.withLock { sessions in
            let own = sessions.filter { $0.value.account == session.account }
            if own.count >= Self.share, let oldest = own.min(by: { $0.value.signedInAt < $1.value.signedInAt }) {
                sessions[oldest.key] = nil
            }
            if sessions.count >= Self.capacity {
                sessions = sessions.filter { $0.value.isOpen(now) }
                let oldest = sessions.min { $0.value.signedInAt < $1.value.signedInAt }
                if sessions.count >= Self.capacity, let oldest { sessions[oldest.key] = nil }
            }
            sessions[id] = session
        }
    }

    func remove(_ id: [UInt8]) { sessions.withLock { $0[id] = nil } }
}

extension BrowserSession {
    fileprivate func isOpen(_ now: Timestamp) -> Bool {
        now.milliseconds - signedInAt.milliseconds < Int64(BrowserSessions.lifetime / .milliseconds(1))
    }
}
