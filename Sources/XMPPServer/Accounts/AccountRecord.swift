import Synchronization
import XMPP
import XMPPStream

/// An account in use: what is known of it, its roster and its sessions.
///
/// There is one record for each account, in `AccountTable`, reachable from every event loop; its lock is held for a
/// look or a change of memory, never while waiting. Changes go to the storage in the order in which they were made
/// here.
public final class AccountRecord: Sendable {
    private struct State {
        var account: Account
        var roster: Roster
        var sessions: [ClientSession] = []
    }

    /// The bare JID.
    public let jid: JID
    private let state: Mutex<State>
    /// What is being done, and whether it has been asked for again.
    private let underWay = Mutex<[Work: Bool]>([:])
    private let slots = Mutex<[Int: any AnyObject & Sendable]>([:])
    private let storage: any Storage

    init(account: Account, roster: Roster, storage: any Storage) {
        jid = account.jid
        state = Mutex(State(account: account, roster: roster))
        self.storage = storage
    }

    public var account: Account { state.withLock { $0.account } }
    public var keepsHistory: Bool { state.withLock { $0.account.keepsHistory } }
    public var sessions: [ClientSession] { state.withLock { $0.sessions } }

    // MARK: Roster

    /// Looks at the roster. The closure runs under the record's lock.
    public func withRoster<Result>(_ body: (borrowing Roster) -> Result) -> Result {
        state.withLock { body($0.roster) }
    }

    public func rosterItem(_ jid: JID) -> RosterItem? { state.withLock { $0.roster[jid] } }

    /// Changes one contact's item and submits the change to the storage.
    ///
    /// - Parameter body: gets the present item and returns the new one, or `nil` to remove it; under the record's lock.
    /// - Returns: what changed, or `nil` if the closure left the item as it was.
    @discardableResult
    public func updateRoster(
        _ jid: JID,
        then completion: (@Sendable (Result<Void, StorageError>) -> Void)? = nil,
        _ body: (RosterItem?) -> RosterItem?
    ) -> RosterChange? {
        let contact = jid.bare
        let change: RosterChange? = state.withLock { state in
            let former = state.roster[contact]
            let item = body(former)
            guard item != former else { return nil }
            let version = SecureRandom.text(length: 16)
            var changes: [StorageChange] = [.setRosterVersion(owner: self.jid, version)]
            if let item {
                state.roster.put(item, version: version)
                changes.append(.putRosterItem(owner: self.jid, item))
            } else {
                state.roster.remove(contact, version: version)
                changes.append(.removeRosterItem(owner: self.jid, contact))
            }
            // The completion keeps the record in its table until the change can be read back.
            storage.submit(changes) { result in
                withExtendedLifetime(self) { completion?(result) }
            }
            return RosterChange(jid: contact, former: former, item: item, version: version)
        }
        if change == nil { completion?(.success(())) }
        return change
    }

    // MARK: Account

    /// Takes over a change that was made to the stored account.
    func replaceAccount(_ account: Account) {
        state.withLock { $0.account = account }
    }

    // MARK: Sessions

    /// Finds a bound resource.
    public func session(_ resource: String) -> ClientSession? {
        state.withLock { state in state.sessions.first { $0.jid.resource == resource } }
    }

    /// Adds a session if its resource is free.
    func add(_ session: ClientSession, atMost limit: Int) -> AddOutcome {
        state.withLock { state in
            if let other = state.sessions.first(where: { $0.jid == session.jid }) { return .conflict(other) }
            guard state.sessions.count < limit else { return .tooMany }
            state.sessions.append(session)
            return .added
        }
    }

    enum AddOutcome {
        case added
        case conflict(ClientSession)
        case tooMany
    }

    func remove(_ session: ClientSession) {
        state.withLock { state in state.sessions.removeAll { $0 === session } }
    }

    var hasSessions: Bool { state.withLock { !$0.sessions.isEmpty } }
}

private let slotCount = Atomic<Int>(0)

/// A change of one roster item.
public struct RosterChange: Sendable {
    public let jid: JID
    public let former: RosterItem?
    /// `nil`: removed.
    public let item: RosterItem?
    public let version: String
}

extension AccountRecord {
    /// What a module knows of an account for as long as it is in memory.
    public struct Slot<Value: AnyObject & Sendable>: Sendable {
        let index: Int
        let make: @Sendable () -> Value

        /// Slots are made once, as static constants; `make` says what is known at first.
        public init(_ name: StaticString, _ make: @escaping @Sendable () -> Value) {
            index = slotCount.wrappingAdd(1, ordering: .relaxed).oldValue
            self.make = make
        }
    }

    public subscript<Value>(slot: Slot<Value>) -> Value {
        slots.withLock { slots in
            if let value = slots[slot.index] { return unsafeDowncast(value, to: Value.self) }
            let value = slot.make()
            slots[slot.index] = value
            return value
        }
    }

    /// Something that is done for an account by one at a time.
    public struct Work: Hashable, Sendable {
        let name: String
        public init(_ name: String) { self.name = name }
    }

    /// `false` if it is being done already; who does it is told by `end` to do it once more.
    public func begin(_ work: Work) -> Bool {
        underWay.withLock { underWay in
            guard underWay[work] != nil else {
                underWay[work] = false
                return true
            }
            underWay[work] = true
            return false
        }
    }

    /// `false` if it has been asked for again since it began.
    public func end(_ work: Work) -> Bool {
        underWay.withLock { underWay in
            if underWay[work] == true {
                underWay[work] = false
                return false
            }
            underWay[work] = nil
            return true
        }
    }
}
