import NIOCore
import XMPPServer

/// XEP-0049: Private XML Storage: what clients keep for themselves, such as bookmarks in the old form.
struct PrivateXML: ServerModule {
    static let info = ModuleInfo(
        "private-xml", implements: [.xep(49, "1.2")], summary: "Keeps what clients want to find again.")

    private static let namespace: Namespace = "jabber:iq:private"
    private static let name = "private"

    private let host: Host
    private let store: KeyedStore<StoredElement>
    private let maximumItems: Int
    private let maximumSize: Int

    init(host: Host, configuration: ConfigSection) {
        self.host = host
        store = KeyedStore(Self.name, in: host.storage)
        maximumItems = configuration.integer(
            "maximum-items", default: 100, in: 1...10_000, "How many things an account may keep.")
        maximumSize = configuration.byteCount(
            "maximum-size", default: 512 * 1024, in: 1024...64 * 1024 * 1024, "How much all of them may take together.")
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature("jabber:iq:private")
        registrar.iq(.get, "query", Self.namespace, to: .ownAccount, get)
        registrar.iq(.set, "query", Self.namespace, to: .ownAccount, set)
        for kind in [IQRequest.Kind.get, .set] {
            registrar.iq(kind, "query", Self.namespace, to: .account) { _ in .error(.forbidden) }
        }
    }

    /// Each kind of element by itself: a client of one program leaves alone what another has stored.
    private static func key(of element: Element) -> String { "\(element.name) \(element.namespaceName)" }

    @Sendable private func get(_ request: IQRequest) -> Reply {
        guard let asked = request.payload.onlyChild else { return .error(.notAcceptable) }
        let owner = request.owner
        return .async {
            do throws(StorageError) {
                let stored = try await store.get(owner, key: Self.key(of: asked))?.element
                return .result { writer in
                    writer.element("query", Self.namespace) { writer in
                        guard let stored else { return writer.copy(asked) }
                        for child in stored.children { writer.copy(child) }
                    }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    @Sendable private func set(_ request: IQRequest) -> Reply {
        var elements: [String: [Element]] = [:]
        for child in request.payload.children { elements[Self.key(of: child), default: []].append(child) }
        guard !elements.isEmpty else { return .error(.notAcceptable) }
        let owner = request.owner
        let values = elements.mapValues(Self.stored)
        return .async {
            do throws(StorageError) {
                var all = try await host.storage.values(Self.name, owner)
                all.merge(values) { _, new in new }
                guard all.count <= maximumItems, all.values.reduce(0, { $0 + $1.count }) <= maximumSize else {
                    return .error(.policyViolation)
                }
                try await host.storage.commit(
                    values.map { .putValue(store: Self.name, owner: owner, key: $0.key, $0.value) })
                return .ok
            } catch {
                return .error(host.report(error))
            }
        }
    }

    /// There may be several of a kind, which are kept together.
    private static func stored(_ elements: [Element]) -> [UInt8] {
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("query", namespace) { writer in
            for element in elements { writer.copy(element) }
        }
        return Array(writer.finish().readableBytesView)
    }
}
