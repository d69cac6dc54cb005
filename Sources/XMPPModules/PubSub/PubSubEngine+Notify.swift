import NIOCore
import XMPPServer

/// Notifications, XEP-0060 §7.1.2 and XEP-0163 §4.
extension PubSubEngine {
    /// Notifications that are written in one go: so long the loop does nothing else.
    private static let sliceSize = 100
    /// Subscriptions that are read at a time.
    private static let subscribersRead = 500

    /// Tells all whom the node's configuration means. The change that they are told of is stored; it stands if the storage does
    /// not say who has subscribed, which is logged.
    ///
    /// - Parameters:
    ///   - publisher: the address to which answers may go; nil: none is named.
    ///   - write: writes what has happened, into the event.
    func notify(
        _ node: PubSubNode, _ home: NodeHome, publisher: JID? = nil, _ write: (inout XMLWriter) -> Void
    ) async {
        guard node.configuration.delivers else { return }
        let (content, id) = (Self.event(write), SecureRandom.text(length: 12))
        let (sessions, contacts) = notifiedContacts(node, home)
        var subscribers = 0
        if !sessions.isEmpty || !contacts.isEmpty,
            let stanza = notification(content, node, id, replyTo: home.account == nil ? nil : publisher)
        {
            var recipients = Recipients()
            for session in sessions { recipients.add(CachedRecipient(session), on: session.loop) }
            recipients.others = contacts
            await send(Notification(stanza, from: home.address, to: recipients), home)
        }
        do throws(StanzaError) {
            subscribers = try await notifySubscribers(of: node, home, content, id) {
                Set(sessions.map(\.record.jid)).union(contacts.map(\.bare))
            }
        } catch {
            // It was logged.
        }
        guard let publisher else { return }
        host.router.trace.record(
            notification: id, by: publisher, at: home.address,
            "\(sessions.count + contacts.count) clients by presence, \(subscribers) by subscription, of \(node.name)",
            on: host.router.loop(for: home.address), host.now())
    }

    /// - Parameter others: who has been told already, by their bare addresses.
    /// - Returns: how many are told.
    private func notifySubscribers(
        of node: PubSubNode, _ home: NodeHome, _ content: ByteBuffer, _ id: String, besides others: () -> Set<JID>
    ) async throws(StanzaError) -> Int {
        if home.directory.hasNoSubscribers(node.name) { return 0 }
        var count = 0
        let generation = home.directory.generation
        var position = MapQuery.Position.first
        var told: (stanza: Stanza, owners: [AccountRecord], known: Set<JID>)?
        let now = host.now()
        while true {
            let query = MapQuery(
                subscriptionsMap(home, node.name), position: position, limit: Self.subscribersRead)
            let page = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
            guard let page, let last = page.items.last else {
                if told == nil { home.directory.notedNoSubscribers(node.name, at: generation) }
                return count
            }
            if told == nil, let stanza = notification(content, node, id, replyTo: nil) {
                told = (stanza, try await owners(of: node, home), others())
            }
            guard let (stanza, owners, known) = told else { return count }
            var recipients = Recipients()
            for item in page.items {
                let jid = item.value.jid
                guard known.isEmpty || !known.contains(jid.bare),
                    silence(towards: item, of: node, home, owners, now) == nil
                else { continue }
                guard case .account(let host, let account) = host.router.hosts.recipient(of: jid) else {
                    recipients.others.append(jid)
                    continue
                }
                let record = host.accounts.cached(account)
                let sessions = record?.sessions ?? []
                if let record, let session = sessions.first(where: { $0.jid == jid }) ?? sessions.first {
                    recipients.add(CachedRecipient(jid, record, at: host), on: session.loop)
                } else if stanza.type != .headline {
                    // Nobody is there: only what is kept for them need be looked at.
                    recipients.others.append(jid)
                }
            }
            await fanOut([Notification(stanza, from: home.address, to: recipients)])
            count += recipients.count
            guard page.items.count == Self.subscribersRead else { return count }
            position = .after(last.key)
        }
    }

    /// Why a subscriber is not told; nil: it is.
    func silence(
        towards item: MapItem<NodeSubscription>, of node: PubSubNode, _ home: NodeHome, _ owners: [AccountRecord],
        _ now: Timestamp
    ) -> NotificationSilence? {
        let subscription = item.value
        guard subscription.state == .subscribed, item.expiresAt.map({ $0 > now }) ?? true else { return .notSubscribed }
        guard subscription.options.delivers else { return .notWanted }
        guard home.account?.blocks(subscription.jid) != true else { return .blocked }
        guard isWanted(subscription, node.configuration) else { return .unavailable }
        return mayRead(subscription.jid, node, home, owners) ? nil : .noAccess
    }

    /// Whether a subscriber may still read the node.
    private func mayRead(_ jid: JID, _ node: PubSubNode, _ home: NodeHome, _ owners: [AccountRecord]) -> Bool {
        if node.isForAllSubscribers { return true }
        let access = NodeAccess(
            configuration: node.configuration, affiliation: affiliation(of: jid, to: node, home),
            relation: relation(of: jid, to: owners), isSubscribed: true)
        return access.readError == nil
    }

    /// Whether the subscriber's presence is such as it has said, and as the node asks for.
    private func isWanted(_ subscription: NodeSubscription, _ configuration: NodeConfiguration) -> Bool {
        guard configuration.isForAvailable || subscription.options.shows != nil else { return true }
        let sessions = host.router.hosts.cachedAccount(subscription.jid)?.sessions.filter(\.isAvailable) ?? []
        guard let shows = subscription.options.shows else { return !sessions.isEmpty }
        return sessions.contains { session in
            let show = session.presence?.child("show", .client)?.text ?? ""
            return shows.contains(show.isEmpty ? "online" : show)
        }
    }

    /// Who is told because of presence: sessions of the account itself, and of contacts that may see its presence, as far as they
    /// have said that they want to be; and contacts' clients elsewhere.
    private func notifiedContacts(_ node: PubSubNode, _ home: NodeHome) -> (sessions: [ClientSession], elsewhere: [JID])
    {
        guard let account = home.account else { return ([], []) }
        var audience = ClientCapabilities.Audience(of: node.name)
        audience.add(account)
        // Whoever sees the account's presence need not be looked for once more where all of them may read the node.
        let isForAll = node.isForAllContacts && account.blocksNobody
        for host in host.router.hosts.all {
            guard let capabilities = host.personalEventing?.capabilities else { continue }
            let interested = capabilities.accounts(interestedIn: node.name)
            // The contacts are not looked at where nobody wants to be told.
            guard !interested.isEmpty else { continue }
            let contacts = account.withRoster { roster in
                roster.items.compactMap { $0.state.hasFrom ? interested[$0.jid] : nil }
            }
            for contact in contacts where contact !== account && (isForAll || isFor(contact.jid, node, account)) {
                audience.add(contact)
            }
        }
        let elsewhere = ClientCapabilities.contacts(of: account, interestedIn: node.name)
        return (audience.sessions, elsewhere.filter { isFor($0, node, account) })
    }

    /// Whether a contact of an account may be told of one of its nodes.
    func isFor(_ contact: JID, _ node: PubSubNode, _ account: AccountRecord) -> Bool {
        silence(towards: contact, of: node, account) == nil
    }

    /// Why a contact of an account may not be told; nil: it may.
    func silence(towards contact: JID, of node: PubSubNode, _ account: AccountRecord) -> NotificationSilence? {
        guard !account.blocks(contact) else { return .blocked }
        if node.isForAllContacts {
            return account.withRoster { $0.showsPresence(to: contact) } ? nil : .noPresence
        }
        let access = NodeAccess(
            configuration: node.configuration, affiliation: node.affiliations[contact.bare] ?? .none,
            relation: relation(of: contact, to: [account]), isSubscribed: false)
        guard access.relation.seesPresence else { return .noPresence }
        return access.readError == nil ? nil : .noAccess
    }

    // MARK: Writing

    private static func event(_ write: (inout XMLWriter) -> Void) -> ByteBuffer {
        var writer = XMLWriter()
        writer.element("event", .pubSubEvent) { write(&$0) }
        return writer.finish()
    }

    /// The message, written once for all that get it.
    private func notification(_ content: ByteBuffer, _ node: PubSubNode, _ id: String, replyTo: JID?) -> Stanza? {
        var writer = XMLWriter(reserving: content.readableBytes + 256)
        writer.start("message", .client)
        writer.attribute("type", node.configuration.notificationType.rawValue)
        writer.attribute("id", id)
        writer.raw(content)
        if let replyTo { Self.write(replyTo: replyTo, to: &writer) }
        writer.end()
        return host.stanza(fromOwn: writer.finish(), "a notification")
    }

    private static func write(replyTo: JID, to writer: inout XMLWriter) {
        writer.element("addresses", .addresses) {
            $0.element("address", nil, ["type": "replyto", "jid": replyTo.string])
        }
    }

    /// Writes the items of a notification.
    static func write(_ items: [(id: String, item: PubSubItem)], _ node: PubSubNode, to writer: inout XMLWriter) {
        let configuration = node.configuration
        writer.element("items", nil, ["node": node.name]) { writer in
            for (id, item) in items {
                writer.start("item")
                writer.attribute("id", id)
                if configuration.itemReply == .publisher { writer.attribute("publisher", item.publisher?.bare.string) }
                if configuration.deliversPayloads, let payload = item.payload { writer.copy(payload) }
                writer.end()
            }
        }
    }

    // MARK: Sending

    /// Who gets a notification.
    struct Recipients: Sendable {
        /// By the loops of their sessions.
        fileprivate var groups: [(loop: LoopContext, recipients: [CachedRecipient])] = []
        /// Those whose accounts are not in memory.
        var others: [JID] = []

        var count: Int { groups.reduce(others.count) { $0 + $1.recipients.count } }

        mutating func add(_ recipient: CachedRecipient, on loop: LoopContext) {
            if let index = groups.firstIndex(where: { $0.loop === loop }) {
                groups[index].recipients.append(recipient)
            } else {
                groups.append((loop, [recipient]))
            }
        }
    }

    /// A notification on its way.
    struct Notification: Sendable {
        fileprivate let stanza: Stanza
        fileprivate let written: WrittenStanza
        fileprivate let from: JID
        fileprivate let recipients: Recipients

        init(_ stanza: Stanza, from: JID, to recipients: Recipients) {
            self.stanza = stanza
            self.from = from
            self.recipients = recipients
            written = WrittenStanza(stanza.element, from: from.string)
        }
    }

    /// Notifications of one address that are held back at most.
    private static let maximumHeld = 16

    /// Sends a notification of an account's node, or holds it back for that of the change that waits behind this one: what goes to
    /// the same clients at once is written at once. Within the turn of the account's nodes.
    private func send(_ notification: Notification, _ home: NodeHome) async {
        let count = home.directory.hold(notification)
        if count >= Self.maximumHeld || waiting(at: home) == 0 { await sendHeld(home) }
    }

    /// Sends what was held back. Within the turn of the account's nodes.
    func sendHeld(_ home: NodeHome) async {
        let held = home.directory.takeHeld()
        if !held.isEmpty { await fanOut(held) }
    }

    /// Sends notifications on the loops of their recipients' sessions, some at a time. Returns when all is written.
    private func fanOut(_ notifications: [Notification]) async {
        var loops: [LoopContext] = []
        for (loop, _) in notifications.lazy.flatMap(\.recipients.groups) where !loops.contains(where: { $0 === loop }) {
            loops.append(loop)
        }
        await withTaskGroup(of: Void.self) { tasks in
            for loop in loops {
                tasks.addTask { [self] in
                    for notification in notifications { await send(notification, on: loop) }
                }
            }
        }
        for notification in notifications where !notification.recipients.others.isEmpty {
            host.router.route(
                notification.stanza, from: notification.from, toAll: notification.recipients.others, host: host)
        }
    }

    private func send(_ notification: Notification, on loop: LoopContext) async {
        let recipients = notification.recipients.groups.first { $0.loop === loop }?.recipients ?? []
        for begin in stride(from: 0, to: recipients.count, by: Self.sliceSize) {
            let slice = recipients[begin..<min(begin + Self.sliceSize, recipients.count)]
            await withCheckedContinuation { continuation in
                loop.eventLoop.execute { [host] in
                    host.router.route(
                        notification.stanza, notification.written, from: notification.from, to: slice, host: host)
                    continuation.resume()
                }
            }
        }
    }

    // MARK: The last item

    /// One of them, with the account whose it is.
    private typealias Last = (from: JID, content: ByteBuffer)

    /// Items that are gathered before they are sent.
    private static let gathered = 50

    /// Sends a session that has become available the items that were published last, XEP-0163 §4.3.4.
    ///
    /// - Parameter owners: whose nodes; nil: those of its own account and of all whose presence it may see.
    func sendLastItems(of nodes: Set<String>, at owners: [JID]? = nil, to session: ClientSession) async {
        let record = session.record
        let owners = owners ?? [record.jid] + record.withRoster { $0.contacts(where: \.hasTo) }
        var items: [Last] = []
        for owner in owners {
            guard session.isAvailable else { return }
            guard case .account(let host, let jid) = host.router.hosts.recipient(of: owner),
                let engine = host === self.host ? self : host.personalEventing?.engine
            else { continue }
            if record.blocks(jid) { continue }
            await engine.addLastItems(of: nodes, at: jid, for: record.jid, to: &items)
            if items.count >= Self.gathered { await Self.send(exchange(&items, with: []), to: session) }
        }
        if !items.isEmpty { await Self.send(items, to: session) }
    }

    /// Sends a contact's client elsewhere what an account has published last.
    func sendLastItems(of nodes: Set<String>, at account: AccountRecord, to contact: JID) async {
        var items: [Last] = []
        await addLastItems(of: nodes, at: account.jid, for: contact, to: &items)
        for item in items {
            var writer = XMLWriter()
            Self.write(item, to: contact, id: SecureRandom.text(length: 12), to: &writer)
            guard let stanza = host.stanza(fromOwn: writer.finish(), "a notification") else { continue }
            host.router.route(stanza, from: item.from, to: contact, host: host)
        }
    }

    /// Sends what has been written before, as the client takes it.
    private static func send(_ items: [Last], to session: ClientSession) async {
        // To ask the kernel for each of them would cost more than to write it.
        let id = SecureRandom.text(length: 12)
        await withCheckedContinuation { continuation in
            session.onLoop {
                var rest = items[...]
                session.output.sendBatch {
                    guard session.isAvailable, let item = rest.popFirst() else { return false }
                    session.send(.message, from: item.from) {
                        write(item, to: session.jid, id: id + String(rest.count), to: &$0)
                    }
                    return true
                }
                continuation.resume()
            }
        }
    }

    private static func write(_ item: Last, to: JID, id: String, to writer: inout XMLWriter) {
        writer.start("message", .client)
        writer.attribute("from", item.from.string)
        writer.attribute("to", to.string)
        writer.attribute("type", "headline" as StaticString)
        writer.attribute("id", id)
        writer.raw(item.content)
        writer.end()
    }

    /// Adds the last items of an account's nodes that a contact, or the account itself, may see.
    private func addLastItems(
        of names: Set<String>, at owner: JID, for reader: JID, to items: inout [Last]
    ) async {
        do throws(StanzaError) {
            guard let account = try await account(owner) else { return }
            let isOwn = reader.isSameBare(as: account.jid)
            guard isOwn || account.withRoster({ $0.showsPresence(to: reader) }) && !account.blocks(reader) else {
                return
            }
            let home = home(of: account)
            if !home.directory.isComplete { _ = try await all(home) }
            let entries = home.directory.entries(in: names) { entry in
                let configuration = entry.node.configuration
                return configuration.delivers && configuration.sendLast == .onSubscriptionAndPresence
                    && entry.last?.isMissing != true
            }
            for entry in entries ?? [] where isOwn || entry.node.isForAllContacts || isFor(reader, entry.node, account)
            {
                if let content = try await lastItem(entry, home) { items.append((account.jid, content)) }
            }
        } catch {
            // It was logged where it happened, and nobody has asked.
        }
    }

    /// Items up to that size stay in memory.
    private static let maximumKeptBytes = 4 << 10

    /// The item that was published last, with the time at which it was; nil: there is none.
    func lastItem(_ entry: NodeDirectory.Entry, _ home: NodeHome) async throws(StanzaError) -> ByteBuffer? {
        switch entry.last {
        case .missing: return nil
        case .written(let content): return content
        case .large, nil: break
        }
        let generation = home.directory.generation
        let query = MapQuery(itemsMap(home, entry.node.name), position: .last, limit: 1)
        let page = try await stored { () async throws(StorageError) in try await items.page(query) }
        let now = host.now()
        guard let item = page?.items.last, item.expiresAt.map({ $0 > now }) ?? true else {
            home.directory.put(.missing, of: entry.node.name, at: generation)
            return nil
        }
        let content = Self.lastItem(item.key, item.value, entry.node)
        let isKept = item.expiresAt == nil && content.readableBytes <= Self.maximumKeptBytes
        home.directory.put(isKept ? .written(content) : .large, of: entry.node.name, at: generation)
        return content
    }

    private static func lastItem(_ id: String, _ item: PubSubItem, _ node: PubSubNode) -> ByteBuffer {
        var writer = XMLWriter()
        writer.raw(event { write([(id, item)], node, to: &$0) })
        writer.element("delay", .delay, ["stamp": item.time.xep0082])
        return writer.finish()
    }
}
