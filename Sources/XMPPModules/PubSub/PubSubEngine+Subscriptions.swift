import NIOCore
import XMPPServer

/// Subscriptions, XEP-0060 §6.1 to §6.4, §8.6 and §8.8.
extension PubSubEngine {
    private static let pendingSubscription = StanzaError(
        .notAuthorized, detail: NodeAccess.detail("pending-subscription"))
    private static let invalidSubscriptionID = StanzaError(.notAcceptable, detail: NodeAccess.detail("invalid-subid"))
    /// Entries of one answer.
    static let listed = 1_000

    /// What has to be stored for a subscription.
    func changes(
        putting subscription: NodeSubscription, to node: String, _ home: NodeHome
    ) -> [StorageChange] {
        let (jid, expiry) = (subscription.jid, subscription.options.expiry)
        let (subscribers, key) = (subscriptionsMap(home, node), Self.relation(of: jid, to: node))
        if subscription.state == .none {
            return [.removeItem(subscribers, key: jid.string)] + putting(nil, of: jid, key, home)
        }
        home.directory.willHaveSubscribers(node)
        return [subscriptions.putting(subscription, subscribers, key: jid.string, expiresAt: expiry, keepsPlace: true)]
            + putting(.subscription(subscription), of: jid, key, home, expiresAt: expiry)
    }

    /// The key of a subscription among what its entity has to do with.
    private static func relation(of jid: JID, to node: String) -> String {
        "\(subscriptionPrefix)\(node)\u{1}\(jid.resource ?? "")"
    }

    /// The subscription of exactly that address.
    private func subscription(
        exactly jid: JID, to node: String, _ home: NodeHome
    ) async throws(StanzaError) -> NodeSubscription? {
        try await subscriptions(of: [jid], to: node, home).first
    }

    // MARK: Subscribers

    /// §6.1
    func subscribe(
        _ jid: JID?, to name: String, _ form: DataForm?, isPublic: Bool, at home: NodeHome, by asker: JID
    ) async -> Reply {
        await endSubscriptions(at: home)
        return await changing(name, home) { () async throws(StanzaError) -> Reply in
            guard let jid, jid.isSameBare(as: asker), jid.isBare || jid == asker else {
                throw StanzaError(.badRequest, detail: NodeAccess.detail("invalid-jid"))
            }
            let entry = try await existing(name, home)
            let access = try await access(of: asker, to: entry.node, home)
            if let error = access.subscribeError { throw error }
            guard entry.node.configuration.takesSubscriptions else { throw .unsupported("subscribe") }
            let known = try await subscription(exactly: jid, to: name, home)
            if known?.state == .pending { throw Self.pendingSubscription }
            var subscription =
                known ?? NodeSubscription(jid: jid, id: SecureRandom.text(length: 12), state: .subscribed)
            if known == nil, access.needsApproval { subscription.state = .pending }
            subscription.isPublic = isPublic
            if let form { try subscription.options.apply(form, now: host.now()) }
            try await entityTurns.run(for: jid.bare) { [subscription] () async throws(StanzaError) in
                guard !isLeaving(jid) else { throw .forbidden }
                if known == nil { try await checkRoom(for: 1, subscriptionsOf: jid, home) }
                try await commit(changes(putting: subscription, to: name, home))
            }
            if known == nil { await tellOwners(of: entry.node, home, subscription) }
            if subscription.state == .subscribed, entry.node.configuration.sendLast != .never,
                let content = try await lastItem(entry, home)
            {
                send(content, to: jid, home)
            }
            return .result { [subscription] writer in
                writer.element("pubsub", .pubSub) { Self.write(subscription, to: name, &$0) }
            }
        }
    }

    private func checkRoom(for count: Int, subscriptionsOf jid: JID, _ home: NodeHome) async throws(StanzaError) {
        let query = MapQuery(
            relationsMap(home, jid), order: .byKey(prefix: Self.subscriptionPrefix), limit: 0, isCounted: true)
        let page = try await stored { () async throws(StorageError) in try await relations.page(query) }
        guard page?.count ?? 0 <= limits.subscriptions - count else {
            throw StanzaError(.policyViolation, detail: NodeAccess.detail("too-many-subscriptions"))
        }
    }

    static func write(_ subscription: NodeSubscription, to node: String?, _ writer: inout XMLWriter) {
        writer.element(
            "subscription", nil,
            [
                "node": node, "jid": subscription.jid.string,
                "subid": subscription.state == .none ? nil : subscription.id,
                "subscription": subscription.state.rawValue,
            ])
    }

    /// §6.2
    func unsubscribe(_ jid: JID?, from name: String, id: String?, at home: NodeHome, by asker: JID) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            let (entry, subscription) = try await own(jid, name, id, home, asker)
            var ended = subscription
            ended.state = .none
            try await commit(changes(putting: ended, to: name, home))
            await tellOwners(of: entry.node, home, ended)
            return .result { [ended] writer in
                writer.element("pubsub", .pubSub) { Self.write(ended, to: name, &$0) }
            }
        }
    }

    /// The asker's own subscription, §6.2.3 and §6.3.4.
    private func own(
        _ jid: JID?, _ name: String, _ id: String?, _ home: NodeHome, _ asker: JID
    ) async throws(StanzaError) -> (NodeDirectory.Entry, NodeSubscription) {
        guard let jid else { throw StanzaError(.badRequest, detail: NodeAccess.detail("jid-required")) }
        guard jid.isSameBare(as: asker) else { throw .forbidden }
        let entry = try await existing(name, home)
        guard let subscription = try await subscription(exactly: jid, to: name, home) else {
            throw StanzaError(.unexpectedRequest, type: .cancel, detail: NodeAccess.detail("not-subscribed"))
        }
        guard id == nil || id == subscription.id else { throw Self.invalidSubscriptionID }
        return (entry, subscription)
    }

    /// §6.3.2
    func options(of jid: JID?, for name: String, id: String?, at home: NodeHome, by asker: JID) async -> Reply {
        do throws(StanzaError) {
            let (_, subscription) = try await own(jid, name, id, home, asker)
            return .result { writer in
                writer.element("pubsub", .pubSub) { writer in
                    writer.element(
                        "options", nil, ["node": name, "jid": subscription.jid.string, "subid": subscription.id]
                    ) {
                        FormField.write(
                            subscription.options.fields, about: SubscriptionOptions.formType.name, "form", to: &$0)
                    }
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// §6.3.5
    func setOptions(
        _ form: DataForm, of jid: JID?, for name: String, id: String?, at home: NodeHome, by asker: JID
    ) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            var (_, subscription) = try await own(jid, name, id, home, asker)
            try subscription.options.apply(form, now: host.now())
            try await commit(changes(putting: subscription, to: name, home))
            return .ok
        }
    }

    /// §6.4
    func defaultOptions(of name: String?) -> Reply {
        .result { writer in
            writer.element("pubsub", .pubSub) { writer in
                writer.element("default", nil, ["node": name]) {
                    FormField.write(
                        SubscriptionOptions().fields, about: SubscriptionOptions.formType.name, "form", to: &$0)
                }
            }
        }
    }

    // MARK: What an entity has to do with

    /// §5.6
    func subscriptions(of asker: JID, to name: String?, at home: NodeHome) async -> Reply {
        do throws(StanzaError) {
            await endSubscriptions(at: home)
            let now = host.now()
            let found = try await relations(
                of: asker, prefix: Self.subscriptionPrefix + (name.map { "\($0)\u{1}" } ?? ""), home
            ).compactMap { item -> (String, NodeSubscription)? in
                guard case .subscription(let subscription) = item.value, item.expiresAt.map({ $0 > now }) ?? true,
                    let end = item.key.lastIndex(of: "\u{1}")
                else { return nil }
                return (String(item.key[..<end].dropFirst(Self.subscriptionPrefix.count)), subscription)
            }
            return .result { writer in
                writer.element("pubsub", .pubSub) { writer in
                    writer.element("subscriptions", nil, ["node": name]) { writer in
                        for (node, subscription) in found { Self.write(subscription, to: node, &writer) }
                    }
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// §5.7
    func affiliations(of asker: JID, to name: String?, at home: NodeHome) async -> Reply {
        do throws(StanzaError) {
            var found: [(node: String, affiliation: Affiliation)] = []
            if home.isOwned(by: asker) {
                found = try await all(home).map { ($0.node.name, .owner) }.filter { name == nil || $0.node == name }
                    .sorted { $0.node < $1.node }
            } else {
                for item in try await relations(of: asker, prefix: Self.affiliationPrefix, home) {
                    let node = String(item.key.dropFirst(Self.affiliationPrefix.count))
                    guard case .affiliation(let affiliation) = item.value, name == nil || name == node else { continue }
                    found.append((node, affiliation))
                }
            }
            return .result { [found] writer in
                writer.element("pubsub", .pubSub) { writer in
                    writer.element("affiliations", nil, ["node": name]) { writer in
                        for (node, affiliation) in found {
                            writer.element("affiliation", nil, ["node": node, "affiliation": affiliation.rawValue])
                        }
                    }
                }
            }
        } catch {
            return .error(error)
        }
    }

    func relations(
        of entity: JID, prefix: String, _ home: NodeHome
    ) async throws(StanzaError) -> [MapItem<EntityRelation>] {
        let query = MapQuery(relationsMap(home, entity), order: .byKey(prefix: prefix), limit: Self.listed)
        return try await stored { () async throws(StorageError) in try await relations.page(query) }?.items ?? []
    }

    // MARK: Owners

    /// §8.8.1
    func subscribers(of name: String, _ page: ResultSet, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            _ = try await owned(name, home, by: jid)
            let query = MapQuery(
                subscriptionsMap(home, name), position: page.position,
                limit: min(page.maximum ?? Self.listed, Self.listed), isCounted: true)
            let found = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
            guard let found else { throw .itemNotFound }
            return .result { writer in
                writer.element("pubsub", .pubSubOwner) { writer in
                    writer.element("subscriptions", nil, ["node": name]) { writer in
                        for item in found.items { Self.write(item.value, to: nil, &writer) }
                    }
                    guard page.maximum != nil || found.count ?? 0 > found.items.count else { return }
                    ResultSet.write(
                        first: found.items.first?.key, last: found.items.last?.key, count: found.count, to: &writer)
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// §8.8.2
    func setSubscribers(
        _ changed: [(jid: JID, state: NodeSubscription.State)], of name: String, at home: NodeHome, by jid: JID
    ) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            let entry = try await owned(name, home, by: jid)
            try await set(Dictionary(changed.map { ($0.jid, $0.state) }) { $1 }, of: entry.node, home)
            return .ok
        }
    }

    /// Makes subscriptions what an owner says, all or none, and tells their subscribers.
    ///
    /// - Parameter changes: what else has to be stored.
    private func set(
        _ states: [JID: NodeSubscription.State], of node: PubSubNode, _ home: NodeHome,
        with changes: [StorageChange] = []
    ) async throws(StanzaError) {
        let found = try await subscriptions(of: Array(states.keys), to: node.name, home)
        let known = Dictionary(found.map { ($0.jid, $0) }) { $1 }
        var (changes, added) = (changes, [JID: Int]())
        var changed: [NodeSubscription] = []
        for (jid, state) in states.sorted(by: { $0.key.string < $1.key.string })
        where known[jid]?.state ?? .none != state {
            if known[jid] == nil { added[jid.bare, default: 0] += 1 }
            var subscription = known[jid] ?? NodeSubscription(jid: jid, id: SecureRandom.text(length: 12), state: state)
            subscription.state = state
            changed.append(subscription)
            changes += self.changes(putting: subscription, to: node.name, home)
        }
        for (jid, count) in added { try await checkRoom(for: count, subscriptionsOf: jid, home) }
        try await commit(changes)
        for subscription in changed {
            var writer = XMLWriter()
            writer.element("event", .pubSubEvent) { Self.write(subscription, to: node.name, &$0) }
            send(writer.finish(), to: subscription.jid, home)
        }
    }

    static let authorizationForm: Namespace = "http://jabber.org/protocol/pubsub#subscribe_authorization"

    /// An owner's answer in a message; nil: there is none, or it is put off.
    static func authorization(in message: Element) -> DataForm? {
        guard let form = message.child("x", .dataForms), form["type"] == "submit" else { return nil }
        do throws(StanzaError) {
            let form = try DataForm(form)
            return form.type == authorizationForm.name ? form : nil
        } catch {
            // A form that is none is no answer.
            return nil
        }
    }

    /// §8.6: an owner's answer to a request for a subscription. Whatever is no longer asked, or not of this owner, is not answered.
    ///
    /// - Returns: what the owner is told.
    func authorize(_ form: DataForm, at home: NodeHome, by owner: JID) async -> Verdict {
        let values = Dictionary(form.fields.map { ($0.name, $0.values.first ?? "") }) { first, _ in first }
        guard let name = values["pubsub#node"], let jid = values["pubsub#subscriber_jid"].flatMap({ JID($0) }),
            let isAllowed = values["pubsub#allow"].flatMap({ Bool(form: $0) })
        else { return .handled }
        let error = await changing(name, home) { () async throws(StanzaError) -> Reply in
            let entry = try await owned(name, home, by: owner)
            guard let subscription = try await subscription(exactly: jid, to: name, home),
                subscription.state == .pending,
                values["pubsub#subid"].map({ $0 == subscription.id }) ?? true
            else { return .ok }
            try await set([jid: isAllowed ? .subscribed : .none], of: entry.node, home)
            return .ok
        }.error
        guard let error, error != .forbidden, error != .itemNotFound else { return .handled }
        return .bounce(error)
    }

    /// Tells the owners of a new subscription that waits for them; and, if they want to know, of one that has begun or ended.
    private func tellOwners(of node: PubSubNode, _ home: NodeHome, _ subscription: NodeSubscription) async {
        let owners = home.account.map { [$0.jid] } ?? node.owners
        var writer = XMLWriter()
        if subscription.state == .pending {
            writer.raw(Self.question(subscription, about: node))
        } else if node.configuration.notifiesSubscriptions {
            writer.element("event", .pubSubEvent) { Self.write(subscription, to: node.name, &$0) }
        } else {
            return
        }
        let content = writer.finish()
        for owner in owners where !owner.isSameBare(as: subscription.jid) {
            send(content, to: owner, home, type: subscription.state == .pending ? nil : "headline")
        }
    }

    /// What an owner is asked about a subscription.
    static func question(_ subscription: NodeSubscription, about node: PubSubNode) -> ByteBuffer {
        var writer = XMLWriter()
        writer.element("x", .dataForms, ["type": "form"]) { writer in
            writer.element("title", text: "Request for a subscription")
            let fields = [
                FormField(name: "pubsub#subid", type: "hidden", values: [subscription.id]),
                FormField(name: "pubsub#node", type: "text-single", label: "Node", values: [node.name]),
                FormField(
                    name: "pubsub#subscriber_jid", type: "jid-single", label: "Subscriber",
                    values: [subscription.jid.string]),
                FormField(
                    name: "pubsub#allow", type: "boolean", label: "Allow this address to subscribe to the node?",
                    values: ["0"]),
            ]
            FormField.write(fields, inside: authorizationForm.name, to: &writer)
        }
        return writer.finish()
    }

    /// Sends one message.
    func send(_ content: ByteBuffer, to jid: JID, _ home: NodeHome, type: String? = "headline") {
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("type", type)
        writer.attribute("id", SecureRandom.text(length: 12))
        writer.raw(content)
        writer.end()
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a notification") else { return }
        host.router.route(stanza, from: home.address, to: jid, host: host)
    }

    // MARK: Nodes that are gone

    /// The nodes that are gone and have subscriptions still: so that these end even if the server is killed meanwhile.
    func endingMap(_ home: NodeHome) -> MapName { nodes.map("ending", of: home.owner) }

    func noting(ending node: PubSubNode, _ home: NodeHome) -> StorageChange {
        // Nothing of anybody is in it.
        let trace = PubSubNode(
            name: node.name, configuration: NodeConfiguration(), created: node.created, creator: nil)
        return nodes.putting(trace, endingMap(home), key: node.name)
    }

    /// A node is gone: nobody is subscribed to it any more. It has been noted as ending.
    func removeSubscriptions(of name: String, _ home: NodeHome) async throws(StanzaError) {
        let map = subscriptionsMap(home, name)
        while true {
            let query = MapQuery(map, limit: Self.listed)
            let page = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
            let found = page?.items ?? []
            var changes: [StorageChange] = []
            for item in found {
                let jid = item.value.jid
                changes.append(.removeItem(map, key: item.key))
                changes += putting(nil, of: jid, Self.relation(of: jid, to: name), home)
            }
            let isLast = found.count < Self.listed
            if isLast { changes.append(.removeItem(endingMap(home), key: name)) }
            try await commit(changes)
            if isLast { return }
        }
    }

    /// The same, where nobody need be told of a failure: it is logged, and made up for by `endSubscriptions(at:)`.
    func endSubscriptions(of name: String, _ home: NodeHome) async {
        do throws(StanzaError) { try await removeSubscriptions(of: name, home) } catch {
            // The note that the node is ending stays.
        }
    }

    /// Ends the subscriptions to nodes whose end has been cut short: before somebody's are read.
    func endSubscriptions(at home: NodeHome) async {
        let query = MapQuery(endingMap(home), order: .byKey(), limit: Self.listed)
        do throws(StanzaError) {
            let page = try await stored { () async throws(StorageError) in try await nodes.page(query) }
            for name in (page?.items ?? []).map(\.key) {
                // A failure is logged; the other nodes end all the same.
                _ = await changing(name, home) { () async throws(StanzaError) -> Reply in
                    // It may have been done meanwhile, and the name be in use again.
                    let isEnding = try await stored { () async throws(StorageError) in
                        try await nodes.get(endingMap(home), key: name) != nil
                    }
                    if isEnding { try await removeSubscriptions(of: name, home) }
                    return .ok
                }
            }
        } catch {
            // It was logged.
        }
    }

    // MARK: Affiliations

    /// §8.9.1
    func affiliations(with name: String, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            let node = try await owned(name, home, by: jid).node
            var all = node.affiliations
            if let account = home.account { all[account.jid] = .owner }
            let sorted = all.sorted { $0.key.string < $1.key.string }
            return .result { writer in
                writer.element("pubsub", .pubSubOwner) { writer in
                    writer.element("affiliations", nil, ["node": name]) { writer in
                        for (jid, affiliation) in sorted {
                            writer.element(
                                "affiliation", nil, ["jid": jid.string, "affiliation": affiliation.rawValue])
                        }
                    }
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// §8.9.2
    func setAffiliations(
        _ changed: [(jid: JID, affiliation: Affiliation)], with name: String, at home: NodeHome, by jid: JID
    ) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            var entry = try await owned(name, home, by: jid)
            var changes: [StorageChange] = []
            var ended: [JID: NodeSubscription.State] = [:]
            for (jid, affiliation) in Dictionary(
                changed.map({ ($0.jid.bare, $0.affiliation) }), uniquingKeysWith: { $1 })
            {
                // The owner of the account is what it is.
                if home.isOwned(by: jid) {
                    guard affiliation == .owner else { throw .notAcceptable }
                    continue
                }
                guard affiliation == .none || !isLeaving(jid) else { throw .notAcceptable }
                entry.node.affiliations[jid] = affiliation == .none ? nil : affiliation
                changes += putting(affiliation, of: jid, to: name, home)
                guard affiliation == .outcast else { continue }
                // Those of its clients end, too.
                let prefix = "\(Self.subscriptionPrefix)\(name)\u{1}"
                for item in try await relations(of: jid, prefix: prefix, home) {
                    if case .subscription(let subscription) = item.value {
                        ended[subscription.jid] = NodeSubscription.State.none
                    }
                }
            }
            // §8.9.2.3.3: somebody must own it.
            guard home.account != nil || !entry.node.owners.isEmpty,
                entry.node.affiliations.count <= PubSubLimits.affiliations,
                entry.node.affiliations.keys.reduce(0, { $0 + $1.string.utf8.count }) <= PubSubLimits.affiliationBytes,
                entry.node.owners.count <= PubSubLimits.owners
            else { throw .notAcceptable }
            changes.append(nodes.putting(entry.node, nodesMap(home), key: name, keepsPlace: true))
            try await set(ended, of: entry.node, home, with: changes)
            home.directory.put(entry)
            return .ok
        }
    }
}
