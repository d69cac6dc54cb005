import Synchronization
import XMPP

/// Makes archive ids, each greater than all before it, in this process and in earlier ones.
///
/// An id is assigned before its entry is submitted, so that it can be sent with the message. Entries with later ids may
/// be stored in between; a reader that continued after those would miss this entry for ever. So reserved ids are
/// remembered, and readers of the same archive stop before the first of them (`frontier`).
public final class ArchiveIDGenerator: Sendable {
    private struct State {
        var newest: Int64
        /// The distance between two ids.
        let step: Int64
        /// The remainder of every id divided by `step`.
        let node: Int64
        /// The reserved ids whose entries are not submitted yet, in order.
        var outstanding: [(id: ArchiveID, owner: JID)] = []

        /// The first reserved id that matters to a reader; nil: none does.
        func frontier(_ isWaitedFor: (JID) -> Bool) -> ArchiveID {
            outstanding.first { isWaitedFor($0.owner) }?.id ?? ArchiveID(rawValue: newest &+ 1)
        }

        mutating func next(_ fromClock: Int64) -> ArchiveID {
            newest = max(fromClock &+ node, newest &+ step)
            return ArchiveID(rawValue: newest)
        }
    }

    private let state: Mutex<State>
    private let cipher: ArchiveIDCipher

    /// A generator whose ids come after `newest`.
    ///
    /// - Parameters:
    ///   - secret: the key of the ids' texts.
    ///   - node: the server's number among those that share the store, below `ArchiveID.nodeCount`; nil: it has the store alone.
    public init(after newest: ArchiveID?, secret: [UInt8] = [], node: Int? = nil) {
        let step = node == nil ? 1 : ArchiveID.nodeCount
        let node = Int64(node ?? 0)
        let newest = newest?.rawValue ?? 0
        // The newest id may be another server's.
        let next = newest / step * step + node
        state = Mutex(State(newest: next < newest ? next + step : next, step: step, node: node))
        cipher = ArchiveIDCipher(secret: secret)
    }

    /// A generator whose ids come after all that the storage has ever held.
    public convenience init(storage: any ArchiveStorage, node: Int? = nil) async throws(StorageError) {
        self.init(after: try await storage.newestArchiveID(), secret: try await storage.archiveSecret(), node: node)
    }

    // MARK: Handing out

    /// Reserves an id for an entry in an owner's archive.
    ///
    /// The id holds the time, unless the clock stood still or went back: then it is one more than the id before it.
    public func reserve(for owner: JID, at time: Timestamp) -> ArchiveReservation {
        let fromClock = ArchiveID.first(at: time).rawValue
        let id = state.withLock { state in
            let id = state.next(fromClock)
            state.outstanding.append((id, owner))
            return id
        }
        return ArchiveReservation(id: id, of: self)
    }

    /// Makes ids for entries that `submit` hands to the storage before it returns, so that they become visible in the
    /// order of their ids. `submit` must not block, and must take its ids from `next` alone.
    public func submitting<Result>(
        at time: Timestamp, _ submit: (_ next: () -> ArchiveID) -> Result
    ) -> Result {
        let fromClock = ArchiveID.first(at: time).rawValue
        return state.withLock { state in
            submit { state.next(fromClock) }
        }
    }

    func end(_ id: ArchiveID) {
        state.withLock { state in
            if let index = state.outstanding.firstIndex(where: { $0.id == id }) {
                state.outstanding.remove(at: index)
            }
        }
    }

    /// All entries of an owner's archive with smaller ids have been submitted: a reader that continues from here misses
    /// nothing. Reservations for other archives do not count.
    public func frontier(of owner: JID) -> ArchiveID {
        state.withLock { $0.frontier { $0.isSameBare(as: owner) } }
    }

    /// The same for all archives of a host.
    public func frontier(ofHost host: JID) -> ArchiveID {
        state.withLock { $0.frontier { $0.isSameDomain(as: host) } }
    }

    // MARK: Texts

    /// The id as clients see it: it reveals nothing and cannot be guessed.
    public func text(_ id: ArchiveID) -> String { cipher.text(id) }

    /// The id with this text; nil: there is none.
    public func id(_ text: String) -> ArchiveID? { cipher.id(text) }
}

/// An id whose entry is not submitted yet. Readers stop before it until the entry is submitted, or the reservation is
/// released.
public final class ArchiveReservation: Sendable {
    public let id: ArchiveID
    private let generator: ArchiveIDGenerator
    private let hasEnded = Atomic<Bool>(false)

    init(id: ArchiveID, of generator: ArchiveIDGenerator) {
        self.id = id
        self.generator = generator
    }

    deinit { end() }

    func end() {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        generator.end(id)
    }
}
