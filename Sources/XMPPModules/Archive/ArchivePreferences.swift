import NIOCore
import Synchronization
import XMPPServer

/// An account's archiving preferences, XEP-0441 and XEP-0136 §2: a default, and exceptions by address. In memory with
/// the account; without preferences a look-up costs one atomic load.
final class ArchivePreferences: Sendable {
    /// Whose messages are archived if no list decides.
    enum Default: String, CaseIterable {
        case always
        case never
        /// Those with contacts.
        case roster
    }

    struct Values: Sendable, Equatable {
        /// nil: decided by the account's setting for history.
        var standard: Default?
        /// Whether messages with an address are archived. A bare JID includes all its resources.
        var exceptions: [JID: Bool] = [:]
    }

    static let store = "archive-preferences"
    static let slot = AccountRecord.Slot("archive preferences") { ArchivePreferences() }

    private struct State {
        var values = Values()
        /// The last stored values.
        var stored = Values()
        /// Changes that are not yet durable.
        var submitted = 0
    }

    private let state = Mutex(State())
    private let isUsed = Atomic<Bool>(false)

    var values: Values { isUsed.load(ordering: .acquiring) ? state.withLock { $0.values } : Values() }

    /// Changes the values and submits the change in one step, so that the next change builds on it. The values apply at
    /// once; if they cannot be stored, the stored ones apply again.
    ///
    /// - Parameter body: changes the values and returns the storage changes. If it throws, nothing has changed.
    func change(
        in storage: any Storage, then completion: @escaping @Sendable (Result<Void, StorageError>) -> Void,
        _ body: (inout Values) throws(StanzaError) -> [StorageChange]
    ) throws(StanzaError) {
        try state.withLock { state throws(StanzaError) in
            var values = state.values
            let changes = try body(&values)
            put(values, in: &state)
            state.submitted += 1
            let submitted = values
            storage.submit(changes) { result in
                self.ended(submitted, result)
                completion(result)
            }
        }
    }

    private func ended(_ values: Values, _ result: Result<Void, StorageError>) {
        state.withLock { state in
            if case .success = result { state.stored = values }
            state.submitted -= 1
            if state.submitted == 0 { put(state.stored, in: &state) }
        }
    }

    private func put(_ values: Values, in state: inout State) {
        state.values = values
        isUsed.store(values != Values(), ordering: .releasing)
    }

    /// Sets the stored values.
    func fill(_ stored: [String: [UInt8]], _ host: Host) {
        guard let bytes = stored[""], let element = host.element(fromOwn: bytes, "what an account wants to keep"),
            let values = Values(stored: element)
        else { return }
        state.withLock { state in
            state.stored = values
            put(values, in: &state)
        }
    }
}

extension ArchivePreferences.Values: StoredValue {
    /// The format of XEP-0441.
    init?(stored element: Element) {
        self.init(element)
    }

    /// The number of addresses in the lists, without parsing them.
    static func addressCount(_ prefs: Element) -> Int {
        prefs.children.reduce(0) { count, list in
            count + list.children.count { $0.isNamed("jid", ArchivePreferencesRequests.namespace) }
        }
    }

    /// nil: no valid preferences.
    init?(_ prefs: Element) {
        guard prefs.isNamed("prefs", ArchivePreferencesRequests.namespace) else { return nil }
        if let word = prefs["default"] {
            guard let standard = ArchivePreferences.Default(rawValue: word) else { return nil }
            self.standard = standard
        }
        // For an address in both lists, `never` applies.
        for (name, isKept) in [("always", true), ("never", false)] as [(StaticString, Bool)] {
            guard let list = prefs.child(name, ArchivePreferencesRequests.namespace) else { continue }
            for child in list.children where child.isNamed("jid", ArchivePreferencesRequests.namespace) {
                guard let jid = JID(child.text) else { return nil }
                exceptions[jid] = isKept
            }
        }
    }

    func write(to writer: inout XMLWriter) {
        writer.start("prefs", ArchivePreferencesRequests.namespace)
        writer.attribute("default", standard?.rawValue)
        for (name, isKept) in [("always", true), ("never", false)] as [(StaticString, Bool)] {
            writer.element(name) { writer in
                let jids = exceptions.filter { $0.value == isKept }.keys.map(\.string).sorted()
                for jid in jids { writer.element("jid", text: jid) }
            }
        }
        writer.end()
    }
}

extension AccountRecord {
    /// Whether messages with an address are archived.
    func archives(_ peer: JID) -> Bool {
        let preferences = self[ArchivePreferences.slot].values
        if !preferences.exceptions.isEmpty {
            if let isKept = preferences.exceptions[peer] ?? preferences.exceptions[peer.bare] { return isKept }
        }
        switch preferences.standard {
        case nil: return keepsHistory
        case .always: return true
        case .never: return false
        case .roster: return peer.isSameBare(as: jid) || rosterItem(peer.bare) != nil
        }
    }
}
