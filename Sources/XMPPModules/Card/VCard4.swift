import Synchronization
import XMPPServer

/// XEP-0292: vCard4, at a node of the account and by requests. It is another view of the account's one card, whose other is
/// XEP-0054's: what both can say, both say.
struct VCard4: CardView {
    static let info = ModuleInfo(
        "vcard4", implements: [.xep(292, "0.12.0")], requires: ["pep", "vcard"],
        summary: "Cards in the form that newer clients use.")

    static let namespace: Namespace = "urn:ietf:params:xml:ns:vcard-4.0"
    private static let node: Namespace = "urn:xmpp:vcard4"

    static let nodes = [node.name]

    /// The hash of what the node said when it and the card last said the same; nil: that is not known.
    private final class State: Sendable { let known = Mutex<Int?>(nil) }

    private static let state = AccountRecord.Slot("vCard4") { State() }

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.accountFeature(Self.namespace)
        registrar.iq(.get, "vcard", Self.namespace, to: [.ownAccount, .account], needs: .chat, get)
        registrar.iq(.set, "vcard", Self.namespace, to: [.ownAccount, .account], needs: .changeSettings, set)
    }

    // MARK: Requests

    @Sendable private func get(_ request: IQRequest) -> Reply {
        guard let cards = host.cards, let pep = host.personalEventing else { return .pass }
        let isOwn = request.isOwn
        let (owner, asker) = (request.owner, request.from)
        return cards.answer(request) { card, _ in
            do throws(StanzaError) {
                guard let record = try await host.find(owner).get(),
                    try await pep.shows(Self.node.name, of: record, to: asker)
                else { return .error(.itemNotFound) }
                if let published = try await published(of: record) { return .result { $0.copy(published) } }
                guard isOwn || !card.name.isEmpty || card.stored != nil, let shown = card.shown(at: host) else {
                    return .error(.itemNotFound)
                }
                let properties = CardProperties(vCard: shown)
                return .result { properties.write4(keeping: nil, to: &$0) }
            } catch {
                return .error(error)
            }
        }
    }

    @Sendable private func set(_ request: IQRequest) -> Reply {
        guard let cards = host.cards, cards.settings.isWritable, let pep = host.personalEventing else { return .pass }
        guard request.isOwn else { return .error(.forbidden) }
        guard request.payload.byteCount <= cards.settings.maximumSize else { return .error(.policyViolation) }
        let (owner, payload) = (request.owner, request.payload)
        return .async {
            do throws(StanzaError) {
                guard let record = try await host.find(owner).get() else { return .error(.itemNotFound) }
                try await publish(payload, of: record, pep)
                try await cards.update(record) { (card: inout Card) async throws(StanzaError) in
                    try await read(into: &card, of: record, after: nil)
                }
                return .ok
            } catch {
                return .error(error)
            }
        }
    }

    // MARK: The node

    func read(into card: inout Card, of record: AccountRecord, after change: NodeChange?) async throws(StanzaError) {
        let published = try await published(of: record)
        let hash = published.map(CardProperties.init(vCard4:)).hashValue
        let known = record[Self.state].known.withLock { exchange(&$0, with: hash) }
        // What has been taken over already does not undo what has become of the card since.
        guard change == nil || known != hash else { return }
        guard let published else {
            // A later change may have removed it, and is stored already.
            if change?.removes == true || known != nil && known != hash { card.stored = nil }
            return
        }
        let new = CardProperties(vCard4: published)
        guard let shown = card.shown(at: host), new != CardProperties(vCard: shown) else { return }
        var writer = XMLWriter(contentNamespace: .none)
        new.write(keeping: card.stored, to: &writer)
        guard let stored = host.element(fromOwn: writer.finish(), "a card"),
            stored.byteCount <= host.cards?.settings.maximumSize ?? 0
        else { return }
        card.stored = stored
        if let name = Card.name(in: stored) { card.name = name }
    }

    func show(_ card: Card, of record: AccountRecord) async throws(StanzaError) {
        guard let pep = host.personalEventing else { return }
        let published = try await published(of: record)
        let former = published.map(CardProperties.init(vCard4:))
        let state = record[Self.state]
        // What a client has published meanwhile is about to be taken over.
        if let known = state.known.withLock({ $0 }), known != former.hashValue { return }
        state.known.withLock { $0 = former.hashValue }
        // A name alone makes no card: it is shown elsewhere.
        guard let shown = card.shown(at: host), card.stored != nil || published != nil else { return }
        let properties = CardProperties(vCard: shown)
        guard properties != former else { return }
        var writer = XMLWriter(contentNamespace: .none)
        properties.write4(keeping: published, to: &writer)
        guard let payload = host.element(fromOwn: writer.finish(), "a card") else { return }
        let isShown = try await publish(payload, of: record, pep) { current in
            // What a client has published meanwhile is about to be taken over.
            current.map(CardProperties.init(vCard4:)) == former
        }
        if isShown { state.known.withLock { $0 = Optional(properties).hashValue } }
    }

    /// - Parameter isWanted: whether it replaces that one; nil: there is none.
    /// - Returns: whether it was published.
    @discardableResult
    private func publish(
        _ card: Element, of record: AccountRecord, _ pep: PersonalEventing,
        if isWanted: @Sendable (Element?) -> Bool = { _ in true }
    ) async throws(StanzaError) -> Bool {
        // §8: a card is for everybody.
        let access = host.cards?.settings.isForContacts == true ? "presence" : "open"
        return try await pep.put(to: Self.node.name, of: record, [(name: "pubsub#access_model", values: [access])]) {
            () async throws(StanzaError) -> [NodeChange.Item] in
            isWanted(try await published(of: record)) ? [.init(id: "current", payload: card)] : []
        }
    }

    private func published(of record: AccountRecord) async throws(StanzaError) -> Element? {
        let item = try await host.personalEventing?.items(of: Self.node.name, of: record, newest: 1).last
        return item?.payload.flatMap { $0.isNamed("vcard", Self.namespace) ? $0 : nil }
    }
}
