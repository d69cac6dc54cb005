import XMPPServer

/// A module that shows an account's card, or some of it, at nodes of the account, where clients can change it, too.
///
/// What a client publishes there becomes part of the card, and the card's changes are shown there. Both compare what is there
/// with what is to be there, and do nothing if that is the same; so a change ends when it has been everywhere.
protocol CardView: ServerModule {
    /// The nodes where the card is shown.
    static var nodes: [String] { get }

    /// Takes what the nodes say over into the card.
    ///
    /// - Parameter change: what a client has changed there; nil: that is not known.
    func read(into card: inout Card, of record: AccountRecord, after change: NodeChange?) async throws(StanzaError)

    /// Has the nodes say what the card says.
    func show(_ card: Card, of record: AccountRecord) async throws(StanzaError)
}

extension NodeChange {
    /// Whether it takes away what was there.
    var removes: Bool {
        switch kind {
        case .published: false
        case .retracted, .purged, .deleted: true
        }
    }
}

extension PersonalEventing {
    /// Publishes as `publish(_:to:of:configuration:)` does.
    ///
    /// - Throws: why it was not.
    func put(
        _ items: [NodeChange.Item], to node: String, of account: AccountRecord,
        _ configuration: [(name: String, values: [String])] = []
    ) async throws(StanzaError) {
        try await put(to: node, of: account, configuration) { items }
    }

    /// Publishes what `make` returns, in the turn of the account's nodes: nothing is published there between what it reads and what
    /// it returns. It must not change a node itself.
    ///
    /// - Parameter configuration: what a new node is to be like.
    /// - Returns: whether something was published: `make` may return nothing.
    /// - Throws: why it was not.
    @discardableResult
    func put(
        to node: String, of account: AccountRecord, _ configuration: [(name: String, values: [String])] = [],
        _ make: @Sendable () async throws(StanzaError) -> [NodeChange.Item]
    ) async throws(StanzaError) -> Bool {
        try await engine.publish(
            to: node, at: engine.home(of: account), configuration: DataForm(fields: configuration)
        ) { () async throws(StanzaError) in try await make().map { ($0.id, $0.payload) } }
    }

    /// Whether somebody may read a node, if there is one.
    func shows(_ node: String, of account: AccountRecord, to reader: JID) async throws(StanzaError) -> Bool {
        let home = engine.home(of: account)
        guard let entry = try await engine.entry(node, home) else { return true }
        return try await engine.access(of: reader, to: entry.node, home).readError == nil
    }
}
