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
        var secrets: Secrets
        /// Rises when a change of the secrets begins and when it ends: between the two it is odd.
        var secretsVersion = 0
        /// How many changes of the roster are on their way to the storage.
        var unstoredRosterChanges = 0
        /// Why one of them has failed: what is stored counts, as soon as none is on its way.
        var rosterFailure: StorageError?
    }

    /// The bare JID.
    public let jid: JID
    private let state: Mutex<State>
    /// What is being done, and whether it has been asked for again.
    private let underWay = Mutex<[Work: Bool]>([:])
    /// What modules know, by the number of the slot.
    private let slots = Mutex<[(any AnyObject & Sendable)?]>([])
    private let storage: any Storage
    /// Who is told when this is gone.
    private let end = Mutex<RecordEnd?>(nil)
    private let rosterWasUndone: RosterUndone

    /// Told when changes of a roster could not be stored, and were undone: the failure, and what is otherwise now than it was.
    typealias RosterUndone = @Sendable (AccountRecord, StorageError, [RosterChange]) -> Void

    /// What somebody signs in with.
    struct Secrets: Sendable {
        var credentials: [SCRAMCredential] = []
        var devices: [String: Device] = [:]
    }

    init(
        account: Account, roster: Roster, secrets: Secrets = Secrets(), storage: any Storage,
        rosterWasUndone: @escaping RosterUndone = { _, _, _ in }
    ) {
        jid = account.jid
        self.rosterWasUndone = rosterWasUndone
        state = Mutex(State(account: account, roster: roster, secrets: secrets))
        self.storage = storage
    }

    deinit { end.withLock { $0 }?.come() }

    /// Told when nothing holds the record any more.
    func tell(_ end: RecordEnd) { self.end.withLock { $0 = end } }

    public var account: Account { state.withLock { $0.account } }
    public var keepsHistory: Bool { state.withLock { $0.account.keepsHistory } }
    public var sessions: [ClientSession] { state.withLock { $0.sessions } }

    // MARK: Roster

    /// Looks at the roster. The closure runs under the record's lock.
    public func withRoster<Result>(_ body: (borrowing Roster) -> Result) -> Result {
        state.withLock { body($0.roster) }
    }

    public func rosterItem(_ jid: JID) -> RosterItem? { state.withLock { $0.roster[jid] } }

    /// Changes one contact's item and submits the change to the storage. For changes that make the list no longer: see
    /// below.
    ///
    /// - Parameter body: gets the present item and returns the new one, or `nil` to remove it; under the record's lock.
    /// - Returns: what changed, or `nil` if the closure left the item as it was.
    @discardableResult
    public func updateRoster(
        _ jid: JID,
        then completion: (@Sendable (Result<Void, StorageError>) -> Void)? = nil,
        _ body: (RosterItem?) -> RosterItem?
    ) -> RosterChange? {
        changeRoster(jid, .none, completion, body).change
    }

    /// Changes one contact's item as above, if the list stays within bounds, or does not grow.
    ///
    /// - Throws: if it would not; then nothing has changed, and `completion` is not called.
    @discardableResult
    public func updateRoster(
        _ jid: JID,
        within bounds: RosterBounds,
        then completion: (@Sendable (Result<Void, StorageError>) -> Void)? = nil,
        _ body: (RosterItem?) -> RosterItem?
    ) throws(RosterBounds.Exceeded) -> RosterChange? {
        let (change, exceeds) = changeRoster(jid, bounds, completion, body)
        if exceeds { throw RosterBounds.Exceeded() }
        return change
    }

    private func changeRoster(
        _ jid: JID, _ bounds: RosterBounds, _ completion: (@Sendable (Result<Void, StorageError>) -> Void)?,
        _ body: (RosterItem?) -> RosterItem?
    ) -> (change: RosterChange?, exceeds: Bool) {
        let contact = jid.bare
        let result: (change: RosterChange?, exceeds: Bool) = state.withLock { state in
            let former = state.roster[contact]
            let item = body(former)
            guard item != former else { return (nil, false) }
            guard state.roster.hasRoom(for: item, inPlaceOf: former, within: bounds) else { return (nil, true) }
            let version = SecureRandom.text(length: 16)
            var changes: [StorageChange] = [.setRosterVersion(owner: self.jid, version)]
            if let item {
                state.roster.put(item, version: version)
                changes.append(.putRosterItem(owner: self.jid, item))
            } else {
                state.roster.remove(contact, version: version)
                changes.append(.removeRosterItem(owner: self.jid, contact))
            }
            state.unstoredRosterChanges += 1
            let pin = pin()
            storage.submit(changes) { result in
                self.rosterChangeEnded(result)
                completion?(result)
                pin.release()
            }
            return (RosterChange(jid: contact, former: former, item: item, version: version), false)
        }
        if result.change == nil, !result.exceeds { completion?(.success(())) }
        return result
    }

    private func rosterChangeEnded(_ result: Result<Void, StorageError>) {
        let hasFailed = state.withLock { state in
            state.unstoredRosterChanges -= 1
            if case .failure(let error) = result { state.rosterFailure = error }
            return state.unstoredRosterChanges == 0 && state.rosterFailure != nil
        }
        if hasFailed { Task { await readRosterAnew() } }
    }

    /// The list in memory is ahead of what is stored, and will not be caught up with: what is stored counts. It gets a version
    /// that no client has, in memory and in the storage. If the list cannot be read, or its version not be stored, that is
    /// tried again when the next change of the roster has ended.
    private func readRosterAnew() async {
        do throws(StorageError) {
            let stored = try await storage.roster(of: jid)
            let version = SecureRandom.text(length: 16)
            let undone = state.withLock { state -> (StorageError, [RosterChange])? in
                // Others are on their way: the last of them comes here again.
                guard state.unstoredRosterChanges == 0, let failure = exchange(&state.rosterFailure, with: nil) else {
                    return nil
                }
                let former = state.roster
                state.roster = Roster(StoredRoster(items: stored.items, version: version))
                storage.submit([.setRosterVersion(owner: jid, version)], .soon) { result in
                    // Not at once: on a full disk that would go on for ever.
                    if case .failure(let error) = result { self.state.withLock { $0.rosterFailure = error } }
                }
                return (failure, state.roster.changes(since: former))
            }
            if let (failure, changes) = undone { rosterWasUndone(self, failure, changes) }
        } catch {
            rosterWasUndone(self, error, [])
        }
    }

    // MARK: Account

    /// Changes settings of the account: in the storage, along with other changes, and then here, in the order of the commits.
    ///
    /// - Parameter then: gets the account as it is with the change, in the same order, on a thread of the storage's.
    /// - Returns: the same.
    /// - Throws: the error of the storage; nothing has changed then.
    func update(
        _ update: AccountUpdate, with changes: [StorageChange] = [],
        then: @escaping @Sendable (Account) -> Void = { _ in }
    ) async throws(StorageError) -> Account {
        let result = await withCheckedContinuation { continuation in
            storage.submit([.updateAccount(jid, update)] + changes) { result in
                let changed = result.map {
                    self.state.withLock { state in
                        state.account.apply(update)
                        return state.account
                    }
                }
                if case .success(let account) = changed { then(account) }
                continuation.resume(returning: changed)
            }
        }
        return try result.get()
    }

    // MARK: Secrets

    /// The keys of the password; empty: the account has none.
    var credentials: [SCRAMCredential] { state.withLock { $0.secrets.credentials } }

    func credential(_ hash: SCRAMHash) -> SCRAMCredential? {
        state.withLock { state in state.secrets.credentials.first { $0.hash == hash } }
    }

    /// Rises when the secrets become others, so that who has shown a former one is not let in.
    var secretsVersion: Int { state.withLock { $0.secretsVersion } }

    /// Whether the secrets are still those of that version, and are not about to become others.
    func hasSecrets(ofVersion version: Int) -> Bool {
        state.withLock { $0.secretsVersion == version && version & 1 == 0 }
    }

    /// Keeps a further key of the same password, unless the account has other secrets by now.
    ///
    /// - Returns: whether it is stored; `completion` is called only then.
    func add(
        _ credential: SCRAMCredential, secrets version: Int,
        then completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
    ) -> Bool {
        state.withLock { state in
            guard state.secretsVersion == version, version & 1 == 0,
                !state.secrets.credentials.contains(where: { $0.hash == credential.hash })
            else { return false }
            state.secrets.credentials.append(credential)
            storage.submit([.setCredentials(jid, state.secrets.credentials)]) { result in
                if case .failure = result { self.remove(credential, secrets: version) }
                completion(result)
            }
            return true
        }
    }

    private func remove(_ credential: SCRAMCredential, secrets version: Int) {
        state.withLock { state in
            guard state.secretsVersion == version else { return }
            state.secrets.credentials.removeAll { $0 == credential }
        }
    }

    /// The secrets are about to become others, or the account to be removed: from now on nothing is good any more that was
    /// opened, agreed to or given out for those that it has. Changes of one account's secrets follow each other.
    ///
    /// - Returns: false if another change is under way.
    func beginChangingSecrets() -> Bool {
        state.withLock { state in
            guard state.secretsVersion & 1 == 0 else { return false }
            state.secretsVersion += 1
            return true
        }
    }

    /// The change that has begun is over.
    ///
    /// - Parameter credentials: the keys of another password, with which no device is known any more; nil: all is as it was.
    func endChangingSecrets(_ credentials: [SCRAMCredential]?) {
        state.withLock { state in
            if let credentials { state.secrets = Secrets(credentials: credentials) }
            state.secretsVersion += 1
        }
    }

    public var devices: [Device] { state.withLock { Array($0.secrets.devices.values) } }

    func device(_ id: String) -> Device? { state.withLock { $0.secrets.devices[id] } }

    /// Changes a device, under the record's lock. The changes to what is stored are in the order of those here.
    ///
    /// - Parameters:
    ///   - secrets: nothing is changed if the account has others by now; nil: whatever it has.
    ///   - urgency: of the change that `body` makes.
    ///   - body: gets the device and all others, and returns the device as it is from now on (nil: it is forgotten), and whether that is worth storing.
    /// - Returns: whether it is stored; `completion` is called only then.
    @discardableResult
    func updateDevice(
        _ id: String, secrets: Int? = nil, _ urgency: CommitUrgency = .now,
        then completion: (@Sendable (Result<Void, StorageError>) -> Void)? = nil,
        _ body: (Device?, [Device]) -> (device: Device?, isStored: Bool, alsoForgotten: [String])
    ) -> Bool {
        state.withLock { state in
            guard secrets.map({ $0 == state.secretsVersion && $0 & 1 == 0 }) ?? true else { return false }
            let devices = state.secrets.devices
            let (device, isStored, forgotten) = body(devices[id], Array(devices.values))
            state.secrets.devices[id] = device
            for other in forgotten { state.secrets.devices[other] = nil }
            guard isStored else { return false }
            let store = Device.store(in: storage)
            let change = device.map { store.putting($0, jid, key: id) } ?? store.removing(jid, key: id)
            let pin = pin()
            storage.submit([change] + forgotten.map { store.removing(jid, key: $0) }, urgency) { result in
                completion?(result)
                pin.release()
            }
            return true
        }
    }

    /// Counts a use of a device's token, XEP-0484 §3.4, in one step with the question whether it came before.
    ///
    /// - Parameter count: nil: the client does not count, which it may as long as it has never counted.
    /// - Returns: false if the same proof may have been seen before, or the token is void.
    func use(_ token: Device.Token, of id: String, count: Int?, secrets: Int) -> Bool {
        var isFirst = false
        updateDevice(id, secrets: secrets, .soon) { device, _ in
            var device = device
            isFirst = device?.use(token.nonce, count: count) ?? false
            return (device, isFirst && count != nil, [])
        }
        return isFirst
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

    /// Puts a session in the place of another one. `false`: that one is not in the table any more.
    func replace(_ former: ClientSession, with session: ClientSession) -> Bool {
        state.withLock { state in
            guard let index = state.sessions.firstIndex(where: { $0 === former }) else { return false }
            state.sessions[index] = session
            return true
        }
    }

    func remove(_ session: ClientSession) {
        state.withLock { state in state.sessions.removeAll { $0 === session } }
    }

    var hasSessions: Bool { state.withLock { !$0.sessions.isEmpty } }
}

private let slotCount = Atomic<Int>(0)

/// What a slot has that is marked.
private final class Marked: Sendable {}
private let marked = Marked()

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
        @usableFromInline let index: Int
        @usableFromInline let make: @Sendable () -> Value

        /// Slots are made once, as static constants; `make` says what is known at first.
        public init(_ name: StaticString, _ make: @escaping @Sendable () -> Value) {
            index = slotCount.wrappingAdd(1, ordering: .relaxed).oldValue
            self.make = make
        }
    }

    @inlinable
    public subscript<Value>(slot: Slot<Value>) -> Value {
        unsafeDowncast(known(slot.index) ?? known(slot.index, or: slot.make()), to: Value.self)
    }

    /// What is known, if something is.
    func known<Value>(_ slot: Slot<Value>) -> Value? {
        known(slot.index).map { unsafeDowncast($0, to: Value.self) }
    }

    // What is not generic needs no specialising in the modules, which ask with each stanza.

    @usableFromInline
    func known(_ index: Int) -> (any AnyObject & Sendable)? {
        slots.withLock { index < $0.count ? $0[index] : nil }
    }

    /// What is known, now at the latest.
    @usableFromInline
    func known(_ index: Int, or new: any AnyObject & Sendable) -> any AnyObject & Sendable {
        slots.withLock { slots in
            Self.makeRoom(in: &slots)
            if let known = slots[index] { return known }
            slots[index] = new
            return new
        }
    }

    /// Something that a module has seen to for an account, until the account is not in memory any more. It takes no memory of
    /// its own.
    public struct Mark: Sendable {
        let index: Int
        /// Marks are made once, as static constants.
        public init(_ name: StaticString) { index = slotCount.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    public func has(_ mark: Mark) -> Bool { known(mark.index) != nil }

    public func set(_ mark: Mark, _ isSet: Bool) {
        slots.withLock { slots in
            Self.makeRoom(in: &slots)
            slots[mark.index] = isSet ? marked : nil
        }
    }

    private static func makeRoom(in slots: inout [(any AnyObject & Sendable)?]) {
        let missing = slotCount.load(ordering: .relaxed) - slots.count
        if missing > 0 { slots += Array(repeating: nil, count: missing) }
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
            // Most often nothing is done: that takes no memory.
            if underWay.isEmpty { underWay = [:] }
            return true
        }
    }
}
