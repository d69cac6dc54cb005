import Synchronization
import XMPP

/// Hands out archive ids, each greater than all before it, in this process and in earlier ones.
///
/// An id is assigned before its entry is submitted, so that it can be sent along with the message. Between the two other
/// entries may overtake it, and who reads up to those would miss it for ever: so what was handed out and is not yet
/// submitted is remembered, and readers of the same archive stop before it (`frontier`).
public final class ArchiveIDGenerator: Sendable {
    private struct State {
        var newest: Int64
        /// What has been reserved and is not yet submitted, in the order of the ids.
        var outstanding: [(id: ArchiveID, owner: JID)] = []

        /// Where what somebody has to wait for begins; nil: nothing is.
        func frontier(_ isWaitedFor: (JID) -> Bool) -> ArchiveID {
            outstanding.first { isWaitedFor($0.owner) }?.id ?? ArchiveID(rawValue: newest &+ 1)
        }

        mutating func next(_ fromClock: Int64) -> ArchiveID {
            newest = max(fromClock, newest &+ 1)
            return ArchiveID(rawValue: newest)
        }
    }

    private let state: Mutex<State>
    private let cipher: ArchiveIDCipher

    /// A generator whose ids come after `newest`.
    ///
    /// - Parameter secret: what the ids' texts are made with.
    public init(after newest: ArchiveID?, secret: [UInt8] = []) {
        state = Mutex(State(newest: newest?.rawValue ?? 0))
        cipher = ArchiveIDCipher(secret: secret)
    }

    /// A generator whose ids come after all that the storage has ever seen.
    public convenience init(storage: any ArchiveStorage) async throws(StorageError) {
        self.init(after: try await storage.newestArchiveID(), secret: try await storage.archiveSecret())
    }

    // MARK: Handing out

    /// Reserves an id for an entry in an owner's archive.
    ///
    /// An id tells the time, unless the clock stood still or went back: then it follows the id before it.
    public func reserve(for owner: JID, at time: Timestamp) -> ArchiveReservation {
        let fromClock = ArchiveID.first(at: time).rawValue
        let id = state.withLock { state in
            let id = state.next(fromClock)
            state.outstanding.append((id, owner))
            return id
        }
        return ArchiveReservation(id: id, of: self)
    }

    /// Gives ids to entries that `submit` gives to the storage before it returns: they become visible in the order of
    /// their ids. It must not block, nor ask for more ids by another way than `next`.
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

    /// The id up to which, itself excluded, everything in an owner's archive has been submitted: who reads on from there
    /// later misses nothing. What others' messages wait for does not count.
    public func frontier(of owner: JID) -> ArchiveID {
        state.withLock { $0.frontier { $0.isSameBare(as: owner) } }
    }

    /// The id up to which, itself excluded, everything in all archives of a host has been submitted.
    public func frontier(ofHost host: JID) -> ArchiveID {
        state.withLock { $0.frontier { $0.isSameDomain(as: host) } }
    }

    // MARK: Texts

    /// How clients know the id: XEP-0359 wants it to tell nothing, nor to be foreseen.
    public func text(_ id: ArchiveID) -> String { cipher.text(id) }

    /// The id that has this text; `nil`: no id has.
    public func id(_ text: String) -> ArchiveID? { cipher.id(text) }
}

/// The id of an entry that is not yet submitted. Readers stop before it until it ends: when the entry has been submitted,
/// or when nobody holds it any more.
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
