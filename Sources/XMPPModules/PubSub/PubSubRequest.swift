import XMPPServer

/// A request of XEP-0060, understood.
enum PubSubRequest: Sendable {
    case items(PubSubEngine.Selection)
    case subscriptions(node: String?)
    case affiliations(node: String?)
    case options(node: String, jid: JID?, id: String?)
    case defaultOptions(node: String?)
    case publish(PubSubEngine.Publication)
    case retract(node: String, [String], notify: Bool)
    case create(node: String?, DataForm?)
    case subscribe(node: String, jid: JID?, DataForm?, isPublic: Bool)
    case unsubscribe(node: String, jid: JID?, id: String?)
    case setOptions(node: String, jid: JID?, id: String?, DataForm?)
    case configuration(node: String)
    case defaultConfiguration
    case configure(node: String, DataForm?)
    case delete(node: String, redirect: String?)
    case purge(node: String)
    case subscribers(node: String, ResultSet)
    case setSubscribers(node: String, [(jid: JID, state: NodeSubscription.State)])
    case affiliated(node: String)
    case setAffiliations(node: String, [(jid: JID, affiliation: Affiliation)])

    private static let maximumItems = 250
    static let configurationForm: Namespace = "http://jabber.org/protocol/pubsub#node_config"

    /// - Throws: what is wrong with the request; `feature-not-implemented` if nothing of it is known.
    init(_ request: IQRequest) throws(StanzaError) {
        let payload = request.payload
        switch (request.kind, payload.isIn(.pubSubOwner)) {
        case (.get, false): self = try Self.get(payload)
        case (.set, false): self = try Self.set(payload)
        case (.get, true): self = try Self.ownerGet(payload)
        case (.set, true): self = try Self.ownerSet(payload)
        }
    }

    private static func get(_ payload: Element) throws(StanzaError) -> PubSubRequest {
        for child in payload.children where child.isIn(.pubSub) {
            if child.hasName("items") { return .items(try selection(child, in: payload)) }
            if child.hasName("subscriptions") { return .subscriptions(node: try optional(child["node"])) }
            if child.hasName("affiliations") { return .affiliations(node: try optional(child["node"])) }
            if child.hasName("options") {
                return .options(node: try PubSubEngine.checked(child["node"]), jid: try jid(child), id: child["subid"])
            }
            if child.hasName("default") { return .defaultOptions(node: try optional(child["node"])) }
        }
        throw .badRequest
    }

    private static func set(_ payload: Element) throws(StanzaError) -> PubSubRequest {
        for child in payload.children where child.isIn(.pubSub) {
            if child.hasName("publish") { return .publish(try publication(child, in: payload)) }
            if child.hasName("retract") {
                let ids = child.children.filter { $0.isNamed("item", .pubSub) }.compactMap { $0["id"] }
                guard !ids.isEmpty else {
                    throw StanzaError(.badRequest, detail: NodeAccess.detail("item-required"))
                }
                guard ids.count <= maximumItems else { throw .policyViolation }
                return .retract(
                    node: try PubSubEngine.checked(child["node"]), Array(Set(ids)).sorted(),
                    notify: child["notify"].flatMap { Bool(form: $0) } ?? false)
            }
            if child.hasName("create") {
                let form = payload.child("configure", .pubSub)
                return .create(node: try optional(child["node"]), try form.map(configuration) ?? nil)
            }
            if child.hasName("subscribe") {
                let form = payload.child("options", .pubSub)
                return .subscribe(
                    node: try PubSubEngine.checked(child["node"]), jid: try jid(child), try form.map(options) ?? nil,
                    isPublic: child.hasChild("public", PublicSubscriptions.namespace))
            }
            if child.hasName("unsubscribe") {
                return .unsubscribe(
                    node: try PubSubEngine.checked(child["node"]), jid: try jid(child), id: child["subid"])
            }
            if child.hasName("options") {
                return .setOptions(
                    node: try PubSubEngine.checked(child["node"]), jid: try jid(child), id: child["subid"],
                    try options(child))
            }
        }
        throw .badRequest
    }

    private static func ownerGet(_ payload: Element) throws(StanzaError) -> PubSubRequest {
        for child in payload.children where child.isIn(.pubSubOwner) {
            if child.hasName("configure") { return .configuration(node: try PubSubEngine.checked(child["node"])) }
            if child.hasName("default") { return .defaultConfiguration }
            if child.hasName("affiliations") { return .affiliated(node: try PubSubEngine.checked(child["node"])) }
            if child.hasName("subscriptions") {
                return .subscribers(node: try PubSubEngine.checked(child["node"]), try ResultSet(of: payload))
            }
        }
        throw .badRequest
    }

    private static func ownerSet(_ payload: Element) throws(StanzaError) -> PubSubRequest {
        for child in payload.children where child.isIn(.pubSubOwner) {
            if child.hasName("configure") {
                return .configure(node: try PubSubEngine.checked(child["node"]), try configuration(child))
            }
            if child.hasName("delete") {
                let redirect = child.child("redirect", .pubSubOwner)?["uri"]
                guard redirect?.utf8.count ?? 0 <= PubSubEngine.maximumNameBytes else { throw .notAcceptable }
                return .delete(node: try PubSubEngine.checked(child["node"]), redirect: redirect)
            }
            if child.hasName("purge") { return .purge(node: try PubSubEngine.checked(child["node"])) }
            if child.hasName("affiliations") {
                var changed: [(jid: JID, affiliation: Affiliation)] = []
                for item in child.children where item.isNamed("affiliation", .pubSubOwner) {
                    guard let jid = try jid(item), let word = item["affiliation"] else { throw .badRequest }
                    guard let affiliation = Affiliation(rawValue: word) else { throw .notAcceptable }
                    changed.append((jid.bare, affiliation))
                }
                guard !changed.isEmpty else { throw .badRequest }
                guard changed.count <= PubSubLimits.affiliations else { throw .notAcceptable }
                return .setAffiliations(node: try PubSubEngine.checked(child["node"]), changed)
            }
            if child.hasName("subscriptions") {
                var changed: [(jid: JID, state: NodeSubscription.State)] = []
                for item in child.children where item.isNamed("subscription", .pubSubOwner) {
                    guard let jid = try jid(item), let word = item["subscription"] else { throw .badRequest }
                    guard let state = NodeSubscription.State(rawValue: word), state != .unconfigured else {
                        throw .notAcceptable
                    }
                    changed.append((jid, state))
                }
                guard !changed.isEmpty else { throw .badRequest }
                guard changed.count <= maximumItems else { throw .notAcceptable }
                return .setSubscribers(node: try PubSubEngine.checked(child["node"]), changed)
            }
        }
        throw .badRequest
    }

    // MARK: Parts

    private static func optional(_ name: String?) throws(StanzaError) -> String? {
        guard let name, !name.isEmpty else { return nil }
        return try PubSubEngine.checked(name)
    }

    private static func jid(_ element: Element) throws(StanzaError) -> JID? {
        guard let text = element["jid"] else { return nil }
        guard let jid = JID(text) else { throw .jidMalformed }
        return jid
    }

    private static func configuration(_ element: Element) throws(StanzaError) -> DataForm? {
        try DataForm.inside(element, about: configurationForm)
    }

    private static func options(_ element: Element) throws(StanzaError) -> DataForm? {
        try DataForm.inside(element, about: SubscriptionOptions.formType)
    }

    private static func publication(
        _ publish: Element, in payload: Element
    ) throws(StanzaError) -> PubSubEngine.Publication {
        var publication = PubSubEngine.Publication(node: try PubSubEngine.checked(publish["node"]), items: [])
        for item in publish.children where item.isNamed("item", .pubSub) {
            var payloads = item.children.makeIterator()
            let payload = payloads.next()
            guard payloads.next() == nil else {
                throw StanzaError(.badRequest, detail: NodeAccess.detail("invalid-payload"))
            }
            let id = item["id"]
            publication.items.append((id?.isEmpty == true ? nil : id, payload))
        }
        guard publication.items.count <= maximumItems else {
            throw StanzaError(.notAllowed, detail: NodeAccess.detail("max-items-exceeded"))
        }
        if let options = payload.child("publish-options", .pubSub) {
            publication.options = try DataForm.inside(options, about: .publishOptions)
        }
        return publication
    }

    private static func selection(_ items: Element, in payload: Element) throws(StanzaError) -> PubSubEngine.Selection {
        var selection = PubSubEngine.Selection(node: try PubSubEngine.checked(items["node"]))
        for item in items.children where item.isNamed("item", .pubSub) {
            guard let id = item["id"] else { throw .badRequest }
            selection.ids.append(id)
        }
        guard selection.ids.count <= maximumItems else { throw .policyViolation }
        if let text = items["max_items"] {
            guard let number = Int(schema: text), number > 0 else { throw .badRequest }
            selection.newest = number
        }
        selection.page = try ResultSet(of: payload)
        if let order = payload.child("order", .orderBy) {
            switch order["by"] {
            case "creation": selection.isByCreation = true
            case "modification": break
            default: throw .featureNotImplemented
            }
            selection.isDescending = order["desc"].flatMap { Bool(form: $0) } ?? false
        }
        return selection
    }
}

extension PubSubRequest {
    /// Which node it is about; nil: none, or several.
    var node: String? {
        switch self {
        case .items(let selection): PublicSubscriptions.target(of: selection.node) ?? selection.node
        case .publish(let publication): publication.node
        case .options(let node, _, _), .retract(let node, _, _), .subscribe(let node, _, _, _),
            .unsubscribe(let node, _, _), .setOptions(let node, _, _, _), .configuration(let node),
            .configure(let node, _), .delete(let node, _), .purge(let node), .subscribers(let node, _),
            .setSubscribers(let node, _), .affiliated(let node), .setAffiliations(let node, _):
            node
        case .create(let node, _): node
        case .subscriptions, .affiliations, .defaultOptions, .defaultConfiguration: nil
        }
    }
}

extension PubSubRequest {
    /// Whether it is about what the asker has to do with, or about what is usual: it names nobody else.
    var isAboutAsker: Bool {
        switch self {
        case .subscriptions, .affiliations, .defaultOptions, .defaultConfiguration: true
        default: false
        }
    }

    /// Whether it makes a node, or changes one or what is in it.
    var changesNode: Bool {
        switch self {
        case .publish, .retract, .create, .configure, .delete, .purge, .setAffiliations, .setSubscribers: true
        default: false
        }
    }
}

extension PubSubEngine {
    /// The place of a request among the changes of its node; nil: it changes none.
    func place(of asked: PubSubRequest, in request: IQRequest, at home: NodeHome) -> Turns.Place? {
        guard request.kind == .set, let node = asked.node else { return nil }
        return place(for: node, home)
    }

    /// Does what somebody asks for, at the place that it has taken.
    func answer(
        _ request: PubSubRequest, at home: NodeHome, for jid: JID, _ place: Turns.Place?
    ) async -> Reply {
        await Self.$place.withValue(place) { await answer(request, at: home, for: jid) }
    }

    private func answer(_ request: PubSubRequest, at home: NodeHome, for jid: JID) async -> Reply {
        if request.changesNode, let node = request.node, PublicSubscriptions.isReserved(node) {
            return .error(.forbidden)
        }
        return await perform(request, at: home, for: jid)
    }

    private func perform(_ request: PubSubRequest, at home: NodeHome, for jid: JID) async -> Reply {
        switch request {
        case .items(let selection): await items(selection, at: home, for: jid)
        case .subscriptions(let node): await subscriptions(of: jid, to: node, at: home)
        case .affiliations(let node): await affiliations(of: jid, to: node, at: home)
        case .options(let node, let subscriber, let id):
            await options(of: subscriber, for: node, id: id, at: home, by: jid)
        case .defaultOptions(let node): defaultOptions(of: node)
        case .publish(let publication): await publish(publication, at: home, by: jid)
        case .retract(let node, let ids, let notify): await retract(ids, of: node, notifying: notify, at: home, by: jid)
        case .create(let node, let form): await create(node, form, at: home, by: jid)
        case .subscribe(let node, let subscriber, let form, let isPublic):
            await subscribe(subscriber, to: node, form, isPublic: isPublic, at: home, by: jid)
        case .unsubscribe(let node, let subscriber, let id):
            await unsubscribe(subscriber, from: node, id: id, at: home, by: jid)
        case .setOptions(let node, let subscriber, let id, let form?):
            await setOptions(form, of: subscriber, for: node, id: id, at: home, by: jid)
        case .configuration(let node): await configuration(of: node, at: home, for: jid)
        case .defaultConfiguration: defaultConfiguration
        case .configure(let node, let form?): await configure(node, form, at: home, by: jid)
        // A form that is cancelled changes nothing.
        case .setOptions(_, _, _, nil), .configure(_, nil): .ok
        case .delete(let node, let redirect): await delete(node, redirect: redirect, at: home, by: jid)
        case .purge(let node): await purge(node, at: home, by: jid)
        case .subscribers(let node, let page): await subscribers(of: node, page, at: home, for: jid)
        case .setSubscribers(let node, let changed): await setSubscribers(changed, of: node, at: home, by: jid)
        case .affiliated(let node): await affiliations(with: node, at: home, for: jid)
        case .setAffiliations(let node, let changed): await setAffiliations(changed, with: node, at: home, by: jid)
        }
    }
}
