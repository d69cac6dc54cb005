import XMPPServer

/// XEP-0402: bookmarks at a node with an item for each. Whatever clients write in the older forms, at a node (XEP-0048) or as
/// private XML (XEP-0049), become these, and these are shown in the older forms.
struct Bookmarks: ServerModule, PrivateXMLView {
    static let info = ModuleInfo(
        "bookmarks", implements: [.xep(402, "1.2.0"), .xep(48, "1.2"), .xep(411, "1.1.0")],
        requires: ["pep", "private-xml"], summary: "One list of bookmarks for clients of any age.")

    static let namespace: Namespace = "urn:xmpp:bookmarks:1"
    /// Of the older forms; also the name of their node.
    fileprivate static let storage: Namespace = "storage:bookmarks"

    static let personalData = [
        // Made from the bookmarks.
        PersonalData(store: listStore, .secret)
    ]

    /// The list that clients know which write an older form: what they change is told by it.
    private static let listStore = "bookmarks-list"

    /// What was written before the account came into memory has been seen to.
    private static let areTakenOver = AccountRecord.Mark("bookmarks")
    /// Changes of an account's bookmarks follow each other.
    let turns = OneAtATime<JID>()

    /// §3: nobody else sees them.
    private static let configuration: [(name: String, values: [String])] = [
        ("pubsub#access_model", ["whitelist"]), ("pubsub#persist_items", ["true"]),
        ("pubsub#send_last_published_item", ["never"]),
    ]
    private static let many = [(name: "pubsub#max_items", values: ["max"])]

    struct Settings: ModuleSettings {
        let rooms: [JID]

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            let addresses = section.strings(
                "default-rooms", default: [],
                "The rooms that new accounts have bookmarks of, so that their clients join them.")
            rooms = addresses.compactMap { address in
                if let jid = JID(address), jid.hasLocal, !jid.isFull { return jid }
                section.fail(
                    "default-rooms", item: address, "\"\(address)\" is no room",
                    fix: "write addresses such as lounge@conference.example.org")
                return nil
            }
        }
    }

    private let host: Host
    private let settings: Settings
    private let lists: KeyedStore<StoredElement>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        lists = KeyedStore(Self.listStore, in: host.storage)
    }

    func register(_ registrar: inout Registrar) {
        registrar.accountFeature("urn:xmpp:bookmarks:1#compat")
        registrar.accountFeature("urn:xmpp:bookmarks:1#compat-pep")
        registrar.accountFeature("urn:xmpp:bookmarks-conversion:0")
        registrar.on(PersonalEventing.nodeChanged, .deliver) { change in
            follow(change)
            return .go
        }
        registrar.on(Hooks.presenceFromClient, .validate, takeOver)
        if !settings.rooms.isEmpty {
            registrar.on(Hooks.accountAdded, .deliver) { event in
                let account = event.account.jid
                host.router.begin { await addRooms(to: account) }
                return .go
            }
        }
    }

    // MARK: Private XML

    static func shows(_ element: Element) -> Bool { element.isNamed("storage", storage) }

    func element(inPlaceOf stored: Element?, of record: AccountRecord) async throws(StanzaError) -> Element? {
        guard let pep = host.personalEventing else { return stored }
        return try await turns.run(for: record.jid) { () async throws(StanzaError) -> Element? in
            try await takeOver(of: record, pep)
            guard try await isPrivate(Self.namespace, of: record, pep) else { return stored }
            return list(of: try await bookmarks(of: record, pep).map(\.bookmark), keeping: stored)
        }
    }

    func take(_ element: Element, of record: AccountRecord) async throws(StanzaError) {
        guard let pep = host.personalEventing else { return }
        try await turns.run(for: record.jid) { () async throws(StanzaError) in
            try await bringTogether(record, pep, writing: element)
        }
    }

    // MARK: Nodes

    /// Takes over what a client has published in one form, and shows it in the others. Its turn is taken now: what the client does
    /// when it has its answer comes behind that.
    private func follow(_ change: NodeChange) {
        guard change.publisher != nil, let pep = host.personalEventing,
            [Self.namespace.name, Self.storage.name].contains(change.node)
        else { return }
        let record = change.account
        let place = turns.place(for: record.jid)
        host.router.begin {
            do throws(StanzaError) {
                try await turns.run(for: record.jid, at: place) { () async throws(StanzaError) in
                    try await bringTogether(record, pep)
                }
            } catch {
                // It is logged where it happened, and made up for by the next change or the next presence.
                record.set(Self.areTakenOver, false)
            }
        }
    }

    /// XEP-0411 §5: what was written before, of which the server may not have seen the end, becomes bookmarks before the client asks
    /// for them.
    @Sendable private func takeOver(_ event: inout StanzaContext) -> Verdict {
        guard let record = event.session?.record, event.to == nil, !record.has(Self.areTakenOver),
            let pep = host.personalEventing
        else { return .go }
        return .wait {
            do throws(StanzaError) {
                try await turns.run(for: record.jid) { () async throws(StanzaError) in
                    try await takeOver(of: record, pep)
                }
            } catch {
                // It is logged where it happened, and tried again.
            }
            return .go
        }
    }

    /// Within the account's turn.
    private func takeOver(of record: AccountRecord, _ pep: PersonalEventing) async throws(StanzaError) {
        guard !record.has(Self.areTakenOver) else { return }
        // From before there were nodes.
        let isNew = try await pep.configuration(of: Self.namespace.name, of: record) == nil
        let stored = isNew ? try await PrivateXML.element("storage", Self.storage, of: record, at: host) : nil
        let isUnknown = try await isPublishedUnknown(of: record, pep)
        if isUnknown || stored.map(Self.shows) == true { try await bringTogether(record, pep, writing: stored) }
        record.set(Self.areTakenOver, true)
    }

    // MARK: Bookmarks

    /// The bookmarks, by the ids of their items.
    private func bookmarks(
        of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> [(id: String, bookmark: Bookmark)] {
        let items = try await pep.items(of: Self.namespace.name, of: record, newest: pep.engine.limits.items)
        return items.compactMap { item in Bookmark(item).map { (item.id, $0) } }
    }

    /// A list in an older form: the bookmarks, and what else there was in `other`.
    private func list(of bookmarks: [Bookmark], keeping other: Element?) -> Element? {
        var writer = XMLWriter(contentNamespace: .none)
        if let other, Self.shows(other) {
            var added = XMLWriter()
            for bookmark in bookmarks { bookmark.write(inList: true, to: &added) }
            // Copied whole: whatever its parts share stands in it once.
            writer.stanza(
                other, leavingOut: { $0.isNamed("conference", Self.storage) }, appending: added.finish())
        } else {
            writer.element("storage", Self.storage) { writer in
                for bookmark in bookmarks { bookmark.write(inList: true, to: &writer) }
            }
        }
        return host.element(fromOwn: writer.finish(), "bookmarks")
    }

    /// The list at the node of the older form; nil: there is none.
    private func published(of record: AccountRecord, _ pep: PersonalEventing) async throws(StanzaError) -> Element? {
        let item = try await pep.items(of: Self.storage.name, of: record, newest: 1).last
        return item?.payload.flatMap { Self.shows($0) ? $0 : nil }
    }

    /// The list that clients know which write an older form; nil: they know none.
    private func known(of record: AccountRecord) async throws(StanzaError) -> [JID: Bookmark]? {
        do throws(StorageError) {
            return try await lists.get(record.jid).map { Bookmark.byRoom(in: $0.element) }
        } catch {
            throw host.report(error)
        }
    }

    /// Whether the node of the older form says something that has not been taken over.
    private func isPublishedUnknown(of record: AccountRecord, _ pep: PersonalEventing) async throws(StanzaError) -> Bool
    {
        // What there is no node for need not be read.
        guard try await pep.configuration(of: Self.storage.name, of: record)?.accessModel == .whitelist,
            let published = try await published(of: record, pep)
        else { return false }
        return Bookmark.byRoom(in: published) != (try await known(of: record))
    }

    /// What clients have changed in the older forms becomes bookmarks; then these are shown there. Within the account's turn.
    ///
    /// What has changed is told by the list that those clients knew: a bookmark that they did not know of stays. Nothing is done
    /// where others may read the bookmarks.
    ///
    /// - Parameter written: a list that is not at the node; nil: there is none.
    private func bringTogether(
        _ record: AccountRecord, _ pep: PersonalEventing, writing written: Element? = nil
    ) async throws(StanzaError) {
        guard try await isPrivate(Self.namespace, of: record, pep) else { return }
        let known = try await known(of: record)
        let isShown = try await isPrivate(Self.storage, of: record, pep)
        let published = isShown ? try await published(of: record, pep) : nil
        for list in [published, written].compactMap(\.self) where Self.shows(list) {
            try await takeOver(list, inPlaceOf: known ?? [:], of: record, pep)
        }
        let bookmarks = try await bookmarks(of: record, pep).map(\.bookmark)
        guard let list = list(of: bookmarks, keeping: nil) else { return }
        if isShown, try await !show(bookmarks, inPlaceOf: published, of: record, pep) {
            // The list that is there was made from the one that has just been taken over.
            if let published { try await note(published, inPlaceOf: known, of: record) }
        } else {
            try await note(list, inPlaceOf: known, of: record)
        }
    }

    private func note(
        _ list: Element, inPlaceOf known: [JID: Bookmark]?, of record: AccountRecord
    ) async throws(StanzaError) {
        guard Bookmark.byRoom(in: list) != known else { return }
        do throws(StorageError) { try await lists.put(StoredElement(list), record.jid) } catch {
            throw host.report(error)
        }
    }

    /// Shows the bookmarks at the node of the older form.
    ///
    /// - Returns: whether they stand there; false: a client has published another list meanwhile, which is about to be taken over.
    private func show(
        _ bookmarks: [Bookmark], inPlaceOf published: Element?, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Bool {
        let former = published.map(Bookmark.byRoom)
        if former ?? [:] == Bookmark.byRoom(bookmarks) { return true }
        return try await pep.put(to: Self.storage.name, of: record, Self.configuration) {
            () async throws(StanzaError) -> [NodeChange.Item] in
            let current = try await self.published(of: record, pep)
            guard current.map(Bookmark.byRoom) == former, try await isPrivate(Self.storage, of: record, pep),
                let list = list(of: bookmarks, keeping: current)
            else { return [] }
            return [.init(id: "current", payload: list)]
        }
    }

    /// Takes over what a list in an older form says otherwise than the one that it was made from; what that form cannot say of the
    /// bookmarks stays as it is.
    private func takeOver(
        _ list: Element, inPlaceOf known: [JID: Bookmark], of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) {
        let wanted = Bookmark.all(in: list)
        let changed = wanted.prefix(pep.engine.limits.items).filter { known[$0.jid] != $0 }
        let removed = Set(known.keys).subtracting(wanted.map(\.jid))
        guard !changed.isEmpty || !removed.isEmpty else { return }
        let bookmarks = try await bookmarks(of: record, pep)
        let ids = Dictionary(bookmarks.map { ($0.bookmark.jid, $0.id) }) { $1 }
        // One by one, as clients do, so that each gets a notification of its own.
        for bookmark in changed {
            try await put(bookmark, as: ids[bookmark.jid] ?? bookmark.jid.string, of: record, pep) { $0 != bookmark }
        }
        for (id, bookmark) in bookmarks where removed.contains(bookmark.jid) {
            if let error = await pep.retract([id], from: Self.namespace.name, of: record) { throw error }
        }
    }

    /// Publishes a bookmark where nobody else reads it.
    ///
    /// - Parameter isWanted: whether it replaces that one; nil: there is none yet.
    private func put(
        _ bookmark: Bookmark, as id: String, of record: AccountRecord, _ pep: PersonalEventing,
        if isWanted: @Sendable (Bookmark?) -> Bool
    ) async throws(StanzaError) {
        try await pep.put(to: Self.namespace.name, of: record, Self.configuration + Self.many) {
            () async throws(StanzaError) -> [NodeChange.Item] in
            let former = try await pep.item(id, of: Self.namespace.name, of: record).flatMap { Bookmark($0) }
            guard isWanted(former), try await isPrivate(Self.namespace, of: record, pep) else { return [] }
            var writer = XMLWriter(contentNamespace: .none)
            bookmark.write(inList: false, keeping: former?.extensions, to: &writer)
            guard let payload = host.element(fromOwn: writer.finish(), "a bookmark") else { return [] }
            return [.init(id: id, payload: payload)]
        }
    }

    /// Makes bookmarks of the rooms that new accounts join.
    private func addRooms(to account: JID) async {
        guard let pep = host.personalEventing, case .success(let record?) = await host.find(account) else { return }
        do throws(StanzaError) {
            try await turns.run(for: record.jid) { () async throws(StanzaError) in
                for room in settings.rooms {
                    try await put(Bookmark(joining: room), as: room.string, of: record, pep) { $0 == nil }
                }
                try await bringTogether(record, pep)
            }
        } catch {
            // It is logged where it happened.
        }
    }

    /// XEP-0411 §6: nothing is copied to where others can read it. What is published within the node's turn is judged there.
    private func isPrivate(
        _ node: Namespace, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Bool {
        try await pep.configuration(of: node.name, of: record)?.accessModel ?? .whitelist == .whitelist
    }
}

/// A bookmark of a room.
private struct Bookmark: Equatable {
    let jid: JID
    let name: String?
    /// Whether a client joins the room when it signs in: what says so, as programs write it; nil: it does not.
    let autojoin: String?
    let nick: String?
    let password: String?
    /// What clients keep beside that, in the new form alone.
    let extensions: Element?

    /// The bookmark at an item of the new form; nil: it is none.
    init?(_ item: NodeChange.Item) {
        guard let payload = item.payload, payload.isNamed("conference", Bookmarks.namespace), let jid = JID(item.id)
        else { return nil }
        self.init(jid: jid, payload)
    }

    /// - Parameter conference: the element in either form.
    init(jid: JID, _ conference: Element) {
        let namespace = conference.isIn(Bookmarks.namespace) ? Bookmarks.namespace : Bookmarks.storage
        self.jid = jid.bare
        name = conference["name"]
        autojoin = conference["autojoin"].flatMap { ["true", "1"].contains($0) ? $0 : nil }
        nick = conference.child("nick", namespace)?.text
        password = conference.child("password", namespace)?.text
        extensions = conference.child("extensions", Bookmarks.namespace)
    }

    /// A bookmark of a room that clients join.
    init(joining room: JID) {
        jid = room
        name = nil
        autojoin = "true"
        nick = nil
        password = nil
        extensions = nil
    }

    /// Those in a list of the older form, each once.
    static func all(in list: Element) -> [Bookmark] {
        var known: Set<JID> = []
        return list.children.compactMap { child in
            guard child.isNamed("conference", Bookmarks.storage), let jid = child["jid"].flatMap({ JID($0) })?.bare,
                known.insert(jid).inserted
            else { return nil }
            return Bookmark(jid: jid, child)
        }
    }

    /// The same in no order, which differs between programs.
    static func byRoom(in list: Element) -> [JID: Bookmark] { byRoom(all(in: list)) }

    static func byRoom(_ bookmarks: [Bookmark]) -> [JID: Bookmark] {
        Dictionary(bookmarks.map { ($0.jid, $0) }) { $1 }
    }

    /// Whether the older forms say the same of both.
    static func == (one: Bookmark, other: Bookmark) -> Bool {
        one.jid == other.jid && one.name == other.name && (one.autojoin == nil) == (other.autojoin == nil)
            && one.nick == other.nick && one.password == other.password
    }

    /// - Parameter extensions: what the new form has beside.
    func write(inList isInList: Bool, keeping extensions: Element? = nil, to writer: inout XMLWriter) {
        writer.start("conference", isInList ? Bookmarks.storage : Bookmarks.namespace)
        if isInList { writer.attribute("jid", jid.string) }
        writer.attribute("name", name)
        writer.attribute("autojoin", autojoin)
        if let nick { writer.element("nick", text: nick) }
        if let password { writer.element("password", text: password) }
        if !isInList, let extensions { writer.copy(extensions) }
        writer.end()
    }
}
