import Synchronization
import XMPPServer

/// Whom an account does not want to hear of, while it is in memory. Where the list is empty, a look at it costs one
/// atomic load.
final class BlockList: Sendable {
    private struct State {
        var blocked: Set<JID> = []
        /// What is on its way to the disk.
        var submitted = 0
    }

    private let state = Mutex(State())
    private let isUsed = Atomic<Bool>(false)

    var isEmpty: Bool { !isUsed.load(ordering: .acquiring) }

    var all: [JID] { state.withLock { Array($0.blocked) }.sorted { $0.string < $1.string } }

    /// XEP-0191 §5: an address is blocked itself, or its account, or its domain.
    func blocks(_ jid: JID) -> Bool {
        guard !isEmpty else { return false }
        return state.withLock { state in
            if state.blocked.contains(jid) || jid.isFull && state.blocked.contains(jid.bare) { return true }
            guard jid.hasLocal, let domain = JID(local: nil, domain: jid.domain, resource: nil) else { return false }
            return state.blocked.contains(domain)
        }
    }

    /// Makes room for some more, which are on their way to the disk from now on. `false`: there is no room.
    func reserve(_ count: Int, atMost maximum: Int) -> Bool {
        state.withLock { state in
            guard state.blocked.count + state.submitted + count <= maximum else { return false }
            state.submitted += count
            return true
        }
    }

    /// What room was made for has been stored, or could not be.
    func add(_ jids: [JID], isStored: Bool) {
        state.withLock { state in
            state.submitted -= jids.count
            if isStored { state.blocked.formUnion(jids) }
            isUsed.store(!state.blocked.isEmpty, ordering: .releasing)
        }
    }

    func remove(_ jids: [JID]) {
        state.withLock { state in
            state.blocked.subtract(jids)
            isUsed.store(!state.blocked.isEmpty, ordering: .releasing)
        }
    }
}

extension AccountRecord {
    /// Whether the account does not want to hear of an address: never one of its own, nor the host itself, which has to
    /// be asked to unblock anybody. It is to such an address as if it were offline.
    func blocks(_ jid: JID) -> Bool {
        let list = self[Blocking.list]
        guard !list.isEmpty, !jid.isSameBare(as: self.jid), !(jid.isDomain && jid.isSameDomain(as: self.jid)) else {
            return false
        }
        return list.blocks(jid)
    }
}
