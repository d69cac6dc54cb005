import Crypto
import Synchronization
import XMPPServer

/// XEP-0084, XEP-0153 and XEP-0398: an account's photo is its avatar. It stands at the nodes for avatars, and its hash in presence.
struct Avatars: CardView {
    static let info = ModuleInfo(
        "avatars", implements: [.xep(84, "1.1.4"), .xep(153, "1.1.1"), .xep(398, "1.0.0")], requires: ["pep", "vcard"],
        summary: "An account's photo is its avatar, by whichever way it is set and looked for.")

    private static let data: Namespace = "urn:xmpp:avatar:data"
    private static let metadata: Namespace = "urn:xmpp:avatar:metadata"
    private static let update: Namespace = "vcard-temp:x:update"

    static let nodes = [data.name, metadata.name]

    /// Variants of one avatar that are looked at.
    private static let maximumVariants = 20

    /// What presence says.
    private struct Announced: Equatable {
        /// Lower-case hexadecimal digits; nil: there is no photo, or none is known.
        var id: String?
        /// Whether the photo is for others than contacts.
        var isPublic = false
    }

    private final class State: Sendable {
        let announced = Mutex(Announced())
        /// What the nodes said when they and the card last said the same; nil: that is not known.
        let known = Mutex<Seen?>(nil)
    }

    private static let state = AccountRecord.Slot("avatar") { State() }
    /// The client has said that it shows no photo.
    private static let showsNone = ClientSession.Flag("no-avatar")

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.accountFeature("urn:xmpp:pep-vcard-conversion:0")
        registrar.on(Hooks.presenceFromClient, .rewrite, addHash)
    }

    // MARK: Presence

    /// XEP-0398 §4: presence has the photo's hash, unless the client says that there is to be none.
    @Sendable private func addHash(_ event: inout StanzaContext) -> Verdict {
        guard event.stanza.type == .available, let session = event.session else { return .go }
        let presence = event.stanza.element
        let former = presence.child("x", Self.update)
        let announced = session.record[Self.state].announced.withLock { $0 }
        let photo = former?.child("photo", Self.update)
        let showsNone = photo?.text == "" && announced.id != nil
        if event.to == nil { session.set(Self.showsNone, showsNone) }
        guard !showsNone, photo == nil || photo?.text != announced.id ?? "" else { return .go }
        guard announced.id != nil || former != nil else { return .go }
        if let to = event.to, !announced.isPublic, !session.record.withRoster({ $0.showsPresence(to: to) }) {
            return .go
        }
        var writer = XMLWriter()
        writer.element("x", Self.update) { $0.element("photo", text: announced.id ?? "") }
        let written = writer.finish()
        return event.rewrite {
            $0.stanza(presence, leavingOut: { $0.isNamed("x", Self.update) }, appending: written)
        }
    }

    /// Contacts are told of the photo as if the client had sent its presence again. On the session's loop.
    private func announce(_ id: String?, by session: ClientSession) {
        guard let presence = session.presence, !session.has(Self.showsNone) else { return }
        let shown = presence.child("x", Self.update)?.child("photo", Self.update)?.text ?? ""
        guard shown != id ?? "" else { return }
        var update = XMLWriter()
        update.element("x", Self.update)
        var writer = XMLWriter()
        writer.stanza(
            presence, from: nil, to: nil, leavingOut: { $0.isNamed("x", Self.update) }, appending: update.finish())
        guard let stanza = session.host.stanza(fromOwn: writer.finish(), "presence with a photo") else { return }
        session.act(stanza.element)
    }

    // MARK: Nodes

    /// What the nodes show.
    private enum Published {
        /// There are no metadata.
        case missing
        case nothing
        /// The photo that the account has.
        case same
        case other(AccountPhoto)
        /// An avatar that is no photo of an account's, such as one of an unknown format, or on the web.
        case foreign
    }

    /// What is remembered of that, to tell a change from what has been taken over.
    private struct Seen {
        enum Kind { case missing, nothing, some }

        let kind: Kind
        /// Whether one of `ids` is that of a photo at the node.
        let hasPhoto: Bool
        /// Those that the metadata have of data at the node.
        let ids: [String]

        init(kind: Kind, ids: [String], hasPhoto: Bool = false) {
            self.kind = kind
            self.hasPhoto = hasPhoto
            self.ids = ids
        }

        /// Whether the metadata are the same.
        func says(what other: Seen) -> Bool { kind == other.kind && ids == other.ids }
    }

    private func published(
        of record: AccountRecord, besides id: String?
    ) async throws(StanzaError) -> (what: Published, seen: Seen) {
        guard let pep = host.personalEventing,
            let item = try await pep.items(of: Self.metadata.name, of: record, newest: 1).last
        else { return (.missing, Seen(kind: .missing, ids: [])) }
        guard let payload = item.payload, payload.isNamed("metadata", Self.metadata) else {
            return (.foreign, Seen(kind: .some, ids: []))
        }
        let variants = payload.children.lazy.filter { $0.isNamed("info", Self.metadata) }.prefix(Self.maximumVariants)
        let ids = variants.filter { $0["url"] == nil }.compactMap { $0["id"]?.lowercased() }
        if let id, ids.contains(id) { return (.same, Seen(kind: .some, ids: ids, hasPhoto: true)) }
        for id in ids {
            guard let data = try await pep.item(id, of: Self.data.name, of: record)?.payload,
                data.isNamed("data", Self.data), let photo = AccountPhoto(base64: data.text), Self.id(of: photo) == id
            else { continue }
            return (.other(photo), Seen(kind: .some, ids: ids, hasPhoto: true))
        }
        if payload.firstChild == nil { return (.nothing, Seen(kind: .nothing, ids: [])) }
        return (.foreign, Seen(kind: .some, ids: ids))
    }

    func read(into card: inout Card, of record: AccountRecord, after change: NodeChange?) async throws(StanzaError) {
        let (published, seen) = try await published(of: record, besides: card.photo.map(Self.id))
        let known = record[Self.state].known.withLock { known -> Seen? in
            let former = known
            // Data that are replaced go first, and the metadata follow: until then these are of the photo that was there.
            if known?.says(what: seen) != true || seen.hasPhoto { known = seen }
            return former
        }
        // What has been taken over already does not undo what has become of the photo since.
        if let known, known.says(what: seen), known.hasPhoto || !seen.hasPhoto { return }
        switch published {
        case .same: break
        case .other(let photo): card.photo = photo
        // The metadata have changed, even if this change is another one: the former photo must not be published over that.
        // As long as that is not known, data come first and the metadata follow.
        case .nothing, .foreign: if known != nil || change?.node != Self.data.name { card.photo = nil }
        case .missing:
            if known != nil || change?.removes == true && change?.node == Self.metadata.name { card.photo = nil }
        }
    }

    func show(_ card: Card, of record: AccountRecord) async throws(StanzaError) {
        guard let pep = host.personalEventing else { return }
        let id = card.photo.map(Self.id)
        let (published, seen) = try await published(of: record, besides: id)
        let state = record[Self.state]
        // What a client has published meanwhile is about to be taken over.
        if let known = state.known.withLock({ $0 }), !known.says(what: seen) { return }
        switch (published, card.photo, id) {
        case (.same, _, _), (.nothing, nil, _), (.foreign, nil, _), (.missing, nil, _):
            state.known.withLock { $0 = seen }
        case (.other, nil, _):
            guard try await withdraw(seen, of: record, pep) else { return }
            state.known.withLock { $0 = Seen(kind: .nothing, ids: []) }
        case (_, let photo?, let id?):
            guard try await publish(photo, id, inPlaceOf: seen, of: record, pep) else { return }
            state.known.withLock { $0 = Seen(kind: .some, ids: [id], hasPhoto: true) }
        case (_, .some, nil): break
        }
        let isPublic = try await pep.configuration(of: Self.data.name, of: record)?.accessModel ?? .open == .open
        state.announced.withLock { $0 = Announced(id: id, isPublic: isPublic) }
        for session in record.sessions where session.isAvailable {
            session.onLoop { announce(id, by: session) }
        }
    }

    /// Puts an item at a node, unless a client has published other metadata meanwhile, which are about to be taken over.
    private func put(
        _ payload: Element, as id: String, to node: Namespace, inPlaceOf seen: Seen, of record: AccountRecord,
        _ pep: PersonalEventing, _ configuration: [(name: String, values: [String])] = []
    ) async throws(StanzaError) -> Bool {
        try await pep.put(to: node.name, of: record, configuration) {
            () async throws(StanzaError) -> [NodeChange.Item] in
            let isAsSeen = try await published(of: record, besides: id).seen.says(what: seen)
            return isAsSeen ? [.init(id: id, payload: payload)] : []
        }
    }

    /// - Returns: whether it was; see `put`.
    private func publish(
        _ photo: AccountPhoto, _ id: String, inPlaceOf seen: Seen, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Bool {
        // A card that is for contacts alone has such a photo.
        let access = host.cards?.settings.isForContacts == true ? "presence" : "open"
        let configuration = [(name: "pubsub#access_model", values: [access])]
        let size = ImageSize(of: photo)
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("data", Self.data, text: Base64.encode(photo.bytes))
        guard let data = host.element(fromOwn: writer.finish(), "an avatar") else { return false }
        writer = XMLWriter(contentNamespace: .none)
        writer.element("metadata", Self.metadata) {
            $0.element(
                "info", nil,
                [
                    "bytes": "\(photo.bytes.count)", "id": id, "type": photo.format.rawValue,
                    "width": size.map { "\($0.width)" }, "height": size.map { "\($0.height)" },
                ])
        }
        guard let metadata = host.element(fromOwn: writer.finish(), "an avatar"),
            try await put(data, as: id, to: Self.data, inPlaceOf: seen, of: record, pep, configuration)
        else { return false }
        return try await put(metadata, as: id, to: Self.metadata, inPlaceOf: seen, of: record, pep, configuration)
    }

    /// §4.3: there is no avatar any more; nor is it kept.
    ///
    /// - Returns: whether it is gone; see `put`.
    private func withdraw(
        _ seen: Seen, of record: AccountRecord, _ pep: PersonalEventing
    ) async throws(StanzaError) -> Bool {
        let ids = try await pep.items(of: Self.data.name, of: record, newest: Self.maximumVariants).map(\.id)
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("metadata", Self.metadata)
        guard let metadata = host.element(fromOwn: writer.finish(), "an avatar"),
            try await put(metadata, as: "current", to: Self.metadata, inPlaceOf: seen, of: record, pep)
        else { return false }
        if !ids.isEmpty, let error = await pep.retract(ids, from: Self.data.name, of: record) { throw error }
        return true
    }

    /// The SHA-1 of the file.
    private static func id(of photo: AccountPhoto) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let hash = Insecure.SHA1.hash(data: photo.bytes)
        return String(decoding: hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether somebody may see an account's photo: who may see its avatar at the node.
    static func areShown(of record: AccountRecord, to asker: JID, at host: Host) async throws(StanzaError) -> Bool {
        try await host.personalEventing?.shows(data.name, of: record, to: asker) ?? true
    }
}
