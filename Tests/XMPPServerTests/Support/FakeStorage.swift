import Synchronization
import XMPP
import XMPPStream

@testable import XMPPServer

/// Accounts and rosters in memory. Commits can be kept waiting, and reads.
final class FakeStorage: EmptyStorage {
    private struct State {
        var accounts: [JID: Account] = [:]
        var rosters: [JID: StoredRoster] = [:]
        var submitted: [[StorageChange]] = []
        var waiting: [@Sendable () -> Void] = []
        var holdsCommits = false
        var reads = 0
    }

    private let state = Mutex(State())
    /// Called between the reading of an account and the answer, with the number of the read.
    private let afterRead: @Sendable (Int) async -> Void

    init(accounts: [String] = [], afterRead: @escaping @Sendable (Int) async -> Void = { _ in }) {
        self.afterRead = afterRead
        for jid in accounts.compactMap({ JID($0) }) { put(Account(jid: jid, createdAt: Timestamp(milliseconds: 0))) }
    }

    func put(_ account: Account) { state.withLock { $0.accounts[account.jid] = account } }

    var submitted: [[StorageChange]] { state.withLock { $0.submitted } }
    var reads: Int { state.withLock { $0.reads } }

    /// Keeps what is submitted from now on.
    func holdCommits() { state.withLock { $0.holdsCommits = true } }

    /// Commits what waits.
    func release() {
        let waiting = state.withLock { state in
            state.holdsCommits = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for commit in waiting { commit() }
    }

    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?
    ) {
        let commit: @Sendable () -> Void = { [self] in
            state.withLock { state in
                for change in changes { Self.apply(change, &state) }
            }
            completion?(.success(()))
        }
        let mustWait = state.withLock { state in
            state.submitted.append(changes)
            if state.holdsCommits { state.waiting.append(commit) }
            return state.holdsCommits
        }
        if !mustWait { Task { commit() } }
    }

    private static func apply(_ change: StorageChange, _ state: inout State) {
        switch change {
        case .putRosterItem(let owner, let item):
            state.rosters[owner, default: StoredRoster()].items.removeAll { $0.jid == item.jid }
            state.rosters[owner, default: StoredRoster()].items.append(item)
        case .removeRosterItem(let owner, let jid):
            state.rosters[owner, default: StoredRoster()].items.removeAll { $0.jid == jid }
        case .setRosterVersion(let owner, let version):
            state.rosters[owner, default: StoredRoster()].version = version
        case .updateAccount(let jid, let update):
            state.accounts[jid.bare]?.apply(update)
        case .removeAccount(let jid):
            state.accounts[jid] = nil
            state.rosters[jid] = nil
        default:
            break
        }
    }

    func account(_ jid: JID) async throws(StorageError) -> Account? { state.withLock { $0.accounts[jid.bare] } }

    func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount? {
        let (account, read) = state.withLock { state in
            state.reads += 1
            let roster = state.rosters[jid.bare] ?? StoredRoster()
            return (state.accounts[jid.bare].map { StoredAccount(account: $0, roster: roster) }, state.reads)
        }
        await afterRead(read)
        return account
    }

    func roster(of jid: JID) async throws(StorageError) -> StoredRoster {
        state.withLock { $0.rosters[jid.bare] ?? StoredRoster() }
    }
}

/// Lets everybody through once it is open.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }
    func opened() async { for await _ in stream {} }
}
