import NIOCore
import Synchronization
import XMPPServer

/// What an account wants to have in its archive, XEP-0441 and XEP-0136 §2: a default, and addresses for which something
/// else holds. In memory along with the account; where nothing was ever set, a look at it costs one atomic load.
final class ArchivePreferences: Sendable {
    /// For whom messages are kept where no list says it.
    enum Default: String, CaseIterable {
        case always
        case never
        /// For contacts.
        case roster
    }

    struct Values: Sendable, Equatable {
        /// `nil`: whatever the account's own switch for its history says.
        var standard: Default?
        /// Whether messages with an address are kept. A bare JID stands for all its resources.
        var exceptions: [JID: Bool] = [:]
    }

    static let store = "archive-preferences"
    static let slot = AccountRecord.Slot("archive preferences") { ArchivePreferences() }

    private struct State {
        var values = Values()
        /// The last that could be stored.
        var stored = Values()
        /// Changes that are on their way to the disk.
        var submitted = 0
    }

    private let state = Mutex(State())
    private let isUsed = Atomic<Bool>(false)

    var values: Values { isUsed.load(ordering: .acquiring) ? state.withLock { $0.values } : Values() }

    /// Changes the values and submits the change in one step, so that the next one is made on top of it. They hold at once;
    /// if they cannot be stored, what is stored holds again.
    ///
    /// - Parameter body: changes the values and returns what has to be stored for it. If it throws, nothing has changed.
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

    /// Takes over what is stored.
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
    /// In the form of XEP-0441.
    init?(stored element: Element) {
        self.init(element)
    }

    /// How many addresses are in the lists: told without a look at each.
    static func addressCount(_ prefs: Element) -> Int {
        prefs.children.reduce(0) { count, list in
            count + list.children.count { $0.isNamed("jid", ArchivePreferencesRequests.namespace) }
        }
    }

    /// `nil`: no such preferences.
    init?(_ prefs: Element) {
        guard prefs.isNamed("prefs", ArchivePreferencesRequests.namespace) else { return nil }
        if let word = prefs["default"] {
            guard let standard = ArchivePreferences.Default(rawValue: word) else { return nil }
            self.standard = standard
        }
        // Where an address is in both lists, the wish for privacy prevails.
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
    /// Whether the account wants to have what it exchanges with an address.
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
