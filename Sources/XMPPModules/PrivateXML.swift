import NIOCore
import XMPPServer

/// A module that shows one kind of private XML elsewhere, too: what is there counts.
protocol PrivateXMLView: ServerModule {
    /// Whether it shows elements such as this.
    static func shows(_ element: Element) -> Bool

    /// The element as it is elsewhere.
    ///
    /// - Parameter stored: what was stored as private XML; nil: nothing was.
    func element(inPlaceOf stored: Element?, of record: AccountRecord) async throws(StanzaError) -> Element?

    /// Takes over an element that a client sets. It is stored afterwards.
    func take(_ element: Element, of record: AccountRecord) async throws(StanzaError)
}

/// XEP-0049: Private XML Storage: data of clients, such as bookmarks in the old format.
struct PrivateXML: ServerModule {
    static let info = ModuleInfo(
        "private-xml", implements: [.xep(49, "1.2")], summary: "Keeps what clients want to find again.")

    static let personalData = [
        PersonalData(store: name, .elements { values in values.sorted { $0.key < $1.key }.flatMap(\.value) })
    ]

    private static let namespace: Namespace = "jabber:iq:private"
    private static let name = "private"
    /// A change is measured together with the stored data, so an account's changes run one after the other.
    private let turns = OneAtATime<JID>()

    struct Settings: ModuleSettings {
        let maximumItems: Int
        let maximumSize: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            maximumItems = section.integer(
                "maximum-items", default: 100, in: 1...10_000, "How many things an account may keep.")
            maximumSize = section.byteCount(
                "maximum-size", default: 512 * 1024, in: 1024...64 * 1024 * 1024,
                "How much all of them may take together.")
        }
    }

    private let host: Host
    private let settings: Settings
    private let store: KeyedStore<StoredElement>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        store = KeyedStore(Self.name, in: host.storage)
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.accountIQ(.get, "query", Self.namespace, to: .ownAccount, needs: .changeSettings, get)
        registrar.accountIQ(.set, "query", Self.namespace, to: .ownAccount, needs: .changeSettings, set)
        for kind in [IQRequest.Kind.get, .set] {
            registrar.iq(kind, "query", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        }
    }

    /// Each kind of element is stored separately, so that clients leave each other's data alone.
    private static func key(of element: Element) -> String { "\(element.name) \(element.namespaceName)" }

    @Sendable private func get(_ request: AccountRequest) -> Reply {
        guard let asked = request.payload.onlyChild else { return .error(.notAcceptable) }
        let record = request.record
        return .async {
            do throws(StanzaError) {
                let stored = try await stored(asked, of: record)
                if let view = view(of: asked) {
                    let shown = try await view.element(inPlaceOf: stored?.firstChild, of: record)
                    return .result { writer in writer.element("query", Self.namespace) { $0.copy(shown ?? asked) } }
                }
                return .result { writer in
                    if let stored { return writer.copy(stored) }
                    writer.element("query", Self.namespace) { $0.copy(asked) }
                }
            } catch {
                return .error(error)
            }
        }
    }

    /// What is stored of that kind: within a query.
    private func stored(_ asked: Element, of record: AccountRecord) async throws(StanzaError) -> Element? {
        do throws(StorageError) {
            return try await store.get(record.jid, key: Self.key(of: asked))?.element
        } catch {
            throw host.report(error)
        }
    }

    private func view(of element: Element) -> (any PrivateXMLView)? {
        host.modules.lazy.compactMap { $0 as? any PrivateXMLView }.first { type(of: $0).shows(element) }
    }

    /// The element of that kind that an account has stored, whatever views say.
    static func element(
        _ name: String, _ namespace: Namespace, of record: AccountRecord, at host: Host
    ) async throws(StanzaError) -> Element? {
        do throws(StorageError) {
            let store = KeyedStore<StoredElement>(Self.name, in: host.storage)
            return try await store.get(record.jid, key: "\(name) \(namespace.name)")?.element.firstChild
        } catch {
            throw host.report(error)
        }
    }

    @Sendable private func set(_ request: AccountRequest) -> Reply {
        let kinds = Kinds(of: request.payload)
        guard !kinds.keys.isEmpty else { return .error(.notAcceptable) }
        guard kinds.keys.count <= settings.maximumItems, let values = stored(request.payload, kinds) else {
            return .error(.policyViolation)
        }
        let (record, payload) = (request.record, request.payload)
        return .async {
            await turns.run(for: record.jid) {
                // A view takes it first: what it shows counts, and it is stored beside that only if it could be taken.
                await put(values, record) { () async throws(StanzaError) in
                    for element in payload.children { try await view(of: element)?.take(element, of: record) }
                }
            }
        }
    }

    /// - Parameter first: is done before anything is stored, if there is room.
    private func put(
        _ values: [String: [UInt8]], _ record: AccountRecord, _ first: () async throws(StanzaError) -> Void
    ) async -> Reply {
        let owner = record.jid
        do throws(StorageError) {
            var all = try await host.storage.values(Self.name, owner)
            all.merge(values) { _, new in new }
            guard all.count <= settings.maximumItems, all.values.reduce(0, { $0 + $1.count }) <= settings.maximumSize
            else {
                return .error(.policyViolation)
            }
            do throws(StanzaError) { try await first() } catch { return .error(error) }
            try await host.storage.commit(
                values.map { .putValue(store: Self.name, owner: owner, key: $0.key, $0.value) })
            return .ok
        } catch {
            return .error(host.report(error))
        }
    }

    /// The elements to store, by kind.
    private struct Kinds {
        private(set) var keys: [String] = []
        /// The index of the kind for each child.
        private(set) var ofChildren: [Int] = []

        init(of payload: Element) {
            var known: [String: Int] = [:]
            for child in payload.children {
                let key = key(of: child)
                let kind = known[key] ?? keys.count
                if kind == keys.count {
                    known[key] = kind
                    keys.append(key)
                }
                ofChildren.append(kind)
            }
        }
    }

    /// The value to store for each kind: the payload without elements of other kinds. nil: they are too large, as the
    /// common parts are stored with each.
    private func stored(_ payload: Element, _ kinds: Kinds) -> [String: [UInt8]]? {
        var values: [String: [UInt8]] = [:]
        var size = 0
        for (kind, key) in kinds.keys.enumerated() {
            var child = -1
            var writer = XMLWriter(contentNamespace: .none)
            writer.copy(payload) { _ in
                child += 1
                return kinds.ofChildren[child] != kind
            }
            let value = writer.finish()
            size += value.readableBytes
            guard size <= settings.maximumSize else { return nil }
            values[key] = Array(value.readableBytesView)
        }
        return values
    }
}
