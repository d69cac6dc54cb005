import NIOPosix
import Synchronization
import XMPP
import XMPPStream

/// Derives the keys of new passwords. Each takes milliseconds of computing, so one thread does it, one after the other,
/// with a bounded queue, and nothing else waits.
public final class KeyMaker: Sendable {
    private struct Waiting {
        var total = 0
        var byAccount: [JID: Int] = [:]
    }

    private static let capacity = 64
    private static let perAccount = 2

    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let waiting = Mutex(Waiting())

    func start() { thread.start() }

    /// The keys of a password, one for each hash.
    ///
    /// - Returns: `not-acceptable` if it is empty or has forbidden characters, `resource-constraint` if too many are
    ///   being derived, for this account or in all.
    public func credentials(
        of password: String, for account: JID, _ settings: AuthenticationSettings
    ) async -> Result<[SCRAMCredential], StanzaError> {
        guard take(account) else { return .failure(StanzaError(.resourceConstraint)) }
        defer { giveBack(account) }
        do {
            let made = try await thread.runIfActive { settings.makeCredentials(password) }
            return made.map { .success($0) } ?? .failure(.notAcceptable)
        } catch {
            // The server stops.
            return .failure(StanzaError(.resourceConstraint))
        }
    }

    func stop() async { try? await thread.shutdownGracefully() }

    private func take(_ account: JID) -> Bool {
        waiting.withLock { waiting in
            let own = waiting.byAccount[account, default: 0]
            guard waiting.total < Self.capacity, own < Self.perAccount else { return false }
            waiting.total += 1
            waiting.byAccount[account] = own + 1
            return true
        }
    }

    private func giveBack(_ account: JID) {
        waiting.withLock { waiting in
            waiting.total -= 1
            let own = waiting.byAccount[account, default: 1] - 1
            waiting.byAccount[account] = own > 0 ? own : nil
        }
    }
}
