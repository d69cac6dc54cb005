import Synchronization
import XMPPServer

/// An account's block list in memory. Checking an empty list costs one atomic load.
final class BlockList: Sendable {
    private struct State {
        var blocked: Set<JID> = []
        /// Entries that are not yet durable.
        var submitted = 0
    }

    private let state = Mutex(State())
    private let isUsed = Atomic<Bool>(false)

    var isEmpty: Bool { !isUsed.load(ordering: .acquiring) }

    var all: [JID] { state.withLock { Array($0.blocked) }.sorted { $0.string < $1.string } }

    /// XEP-0191 §5: an address is blocked itself, or by its account, or by its domain.
    func blocks(_ jid: JID) -> Bool {
        guard !isEmpty else { return false }
        return state.withLock { state in
            if state.blocked.contains(jid) || jid.isFull && state.blocked.contains(jid.bare) { return true }
            guard jid.hasLocal, let domain = JID(local: nil, domain: jid.domain, resource: nil) else { return false }
            return state.blocked.contains(domain)
        }
    }

    /// Reserves room for entries that are about to be stored. False: there is none.
    func reserve(_ count: Int, atMost maximum: Int) -> Bool {
        state.withLock { state in
            guard state.blocked.count + state.submitted + count <= maximum else { return false }
            state.submitted += count
            return true
        }
    }

    /// Reserved entries have been stored, or could not be.
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
    /// Whether the account blocks an address. Its own addresses and the host, which takes the request to unblock, are
    /// never blocked. To a blocked address the account looks offline.
    func blocks(_ jid: JID) -> Bool {
        let list = self[Blocking.list]
        guard !list.isEmpty, !jid.isSameBare(as: self.jid), !(jid.isDomain && jid.isSameDomain(as: self.jid)) else {
            return false
        }
        return list.blocks(jid)
    }

    /// Whether no address is blocked.
    var blocksNobody: Bool { self[Blocking.list].isEmpty }
}
