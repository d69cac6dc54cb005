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

    /// What was stored before there were nodes has been seen to.
    private static let areTakenOver = AccountRecord.Mark("bookmarks")
    /// Changes of an account's bookmarks follow each other.
    private let turns = OneAtATime<JID>()

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

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
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
        try await takeOver(of: record, pep)
        guard try await isPrivate(Self.namespace.name, of: record, pep) else { return stored }
        return try await list(keeping: stored, of: record, pep)
    }

    func take(_ element: Element, of record: AccountRecord) async throws(StanzaError) {
        guard let pep = host.personalEventing else { return }
        try await inTurn(record) { () async throws(StanzaError) in
            try await replace(by: element, of: record, pep)
            try await show(of: record, pep)
        }
    }

    // MARK: Nodes

    /// Takes over what a client has published in one form, and shows it in the others.
    private func follow(_ change: NodeChange) {
        guard change.publisher != nil, let pep = host.personalEventing else { return }
        let record = change.account
        switch change.node {
        case Self.namespace.name:
            begin(record) { () async throws(StanzaError) in try await show(of: record, pep) }
        case Self.storage.name:
            begin(record) { () async throws(StanzaError) in
                let list = try await pep.items(of: Self.storage.name, of: record, newest: 1).last?.payload
                // A list that was taken away is not taken for an empty one: it is made anew.
                if let list, Self.shows(list) { try await replace(by: list, of: record, pep) }
                try await show(of: record, pep)
            }
        default: break
        }
    }

    /// XEP-0411 §5: what was stored before there were nodes becomes bookmarks before the client asks for them.
    @Sendable private func takeOver(_ event: inout StanzaContext) -> Verdict {
        guard let record = event.session?.record, event.to == nil, let pep = host.personalEventing,
            !record.has(Self.areTakenOver)
        else { return .go }
        return .wait {
            do throws(StanzaError) { try await takeOver(of: record, pep) } catch {
                // It is logged where it happened, and tried again.
            }
            return .go
        }
    }

    private func takeOver(of record: AccountRecord, _ pep: PersonalEventing) async throws(StanzaError) {
        guard !record.has(Self.areTakenOver) else { return }
        try await inTurn(record) { () async throws(StanzaError) in
            if try await pep.configuration(of: Self.namespace.name, of: record) == nil {
                let published = try await pep.items(of: Self.storage.name, of: record, newest: 1).last?.payload
                let stored = try await PrivateXML.element("storage", Self.storage, of: record, at: host)
                for list in [published, stored].compactMap({ $0 }) where Self.shows(list) {
                    try await replace(by: list, of: record, pep, addingAlone: true)
                }
                if published != nil || stored != nil { try await show(of: record, pep) }
            }
            record.set(Self.areTakenOver, true)
        }
    }

    // MARK: Bookmarks

    /// The bookmarks, by the ids of their items.
    private func bookmarks(
        of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> [(id: String, bookmark: Bookmark)] {
        let items = try await pep.items(of: Self.namespace.name, of: record, newest: pep.engine.limits.items)
        return items.compactMap { item in
            guard let payload = item.payload, payload.isNamed("conference", Self.namespace), let jid = JID(item.id)
            else {
                return nil
            }
            return (item.id, Bookmark(jid: jid, payload))
        }
    }

    /// A list in an older form: the bookmarks, and what else there was in `other`.
    private func list(
        keeping other: Element?, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Element? {
        let bookmarks = try await bookmarks(of: record, pep)
        var writer = XMLWriter(contentNamespace: .none)
        if let other, Self.shows(other) {
            var added = XMLWriter()
            for (_, bookmark) in bookmarks { bookmark.write(inList: true, to: &added) }
            // Copied whole: whatever its parts share stands in it once.
            writer.stanza(
                other, leavingOut: { $0.isNamed("conference", Self.storage) }, appending: added.finish())
        } else {
            writer.element("storage", Self.storage) { writer in
                for (_, bookmark) in bookmarks { bookmark.write(inList: true, to: &writer) }
            }
        }
        return host.element(fromOwn: writer.finish(), "bookmarks")
    }

    /// Shows the bookmarks at the node of the older form, if it is for nobody else.
    private func show(of record: AccountRecord, _ pep: PersonalEventing) async throws(StanzaError) {
        guard try await isPrivate(Self.storage.name, of: record, pep) else { return }
        let published = try await pep.items(of: Self.storage.name, of: record, newest: 1).last?.payload
        guard let list = try await list(keeping: published, of: record, pep),
            Bookmark.byRoom(in: list) != published.map(Bookmark.byRoom) ?? [:]
        else { return }
        try await pep.put([.init(id: "current", payload: list)], to: Self.storage.name, of: record, Self.configuration)
    }

    /// The bookmarks become those of a list in an older form; what that cannot say of them stays as it is.
    ///
    /// - Parameter addingAlone: whether those that are not in the list stay.
    private func replace(
        by list: Element, of record: AccountRecord, _ pep: PersonalEventing, addingAlone: Bool = false
    ) async throws(StanzaError) {
        guard try await isPrivate(Self.namespace.name, of: record, pep) else { return }
        let former = try await bookmarks(of: record, pep)
        let known = Dictionary(former.map { ($0.bookmark.jid, $0) }) { $1 }
        var items: [NodeChange.Item] = []
        let wanted = Bookmark.all(in: list)
        for var bookmark in wanted.prefix(pep.engine.limits.items) {
            let former = known[bookmark.jid]
            if former?.bookmark == bookmark { continue }
            bookmark.extensions = former?.bookmark.extensions
            var writer = XMLWriter(contentNamespace: .none)
            bookmark.write(inList: false, to: &writer)
            guard let payload = host.element(fromOwn: writer.finish(), "a bookmark") else { continue }
            items.append(.init(id: former?.id ?? bookmark.jid.string, payload: payload))
        }
        let node = Self.namespace.name
        // One by one, as clients do, so that each gets a notification of its own.
        for item in items { try await pep.put([item], to: node, of: record, Self.configuration + Self.many) }
        guard !addingAlone else { return }
        let kept = Set(wanted.map(\.jid))
        for (id, bookmark) in former where !kept.contains(bookmark.jid) {
            if let error = await pep.retract([id], from: node, of: record) { throw error }
        }
    }

    /// Makes bookmarks of the rooms that new accounts join.
    private func addRooms(to account: JID) async {
        guard let pep = host.personalEventing, case .success(let record?) = await host.find(account) else { return }
        do throws(StanzaError) {
            try await inTurn(record) { () async throws(StanzaError) in
                for room in settings.rooms {
                    let bookmark = Bookmark(joining: room)
                    var writer = XMLWriter(contentNamespace: .none)
                    bookmark.write(inList: false, to: &writer)
                    guard let payload = host.element(fromOwn: writer.finish(), "a bookmark") else { continue }
                    let item = NodeChange.Item(id: room.string, payload: payload)
                    try await pep.put([item], to: Self.namespace.name, of: record, Self.configuration + Self.many)
                }
                try await show(of: record, pep)
            }
        } catch {
            // It is logged where it happened.
        }
    }

    /// XEP-0411 §6: nothing is copied to where others can read it.
    private func isPrivate(
        _ node: String, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Bool {
        try await pep.configuration(of: node, of: record)?.accessModel ?? .whitelist == .whitelist
    }

    // MARK: Turns

    private func inTurn(
        _ record: AccountRecord, _ body: @Sendable () async throws(StanzaError) -> Void
    ) async throws(StanzaError) {
        try await turns.run(for: record.jid, body)
    }

    private func begin(_ record: AccountRecord, _ body: @escaping @Sendable () async throws(StanzaError) -> Void) {
        host.router.begin {
            do throws(StanzaError) { try await inTurn(record, body) } catch {
                // It is logged where it happened; the next change brings all of it.
            }
        }
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
    var extensions: Element?

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
    static func byRoom(in list: Element) -> [JID: Bookmark] {
        Dictionary(all(in: list).map { ($0.jid, $0) }) { $1 }
    }

    /// Whether the older forms say the same of both.
    static func == (one: Bookmark, other: Bookmark) -> Bool {
        one.jid == other.jid && one.name == other.name && (one.autojoin == nil) == (other.autojoin == nil)
            && one.nick == other.nick && one.password == other.password
    }

    func write(inList isInList: Bool, to writer: inout XMLWriter) {
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
