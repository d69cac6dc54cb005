import Crypto
import NIOCore
import XMPPServer

/// What an account tells of its person: a name, a photo, and whatever else is in its vCard.
///
/// This is the one place where they are. The vCard (XEP-0054), the account's page, nodes (`CardView`) and presence show it.
struct Card: Sendable {
    /// See `Account.displayName`.
    var name: String
    var photo: AccountPhoto?
    /// The vCard that a client has set, without its photo if that is one that the server knows; nil: none was set.
    var stored: Element?

    // MARK: Names

    /// Of names that clients set, in characters and in UTF-8.
    private static let maximumNameLength = 200
    private static let maximumNameBytes = 1023

    /// A name that a client has set, as one line of bounded length.
    static func name(from text: String) -> String {
        let scalars = text.unicodeScalars.lazy.map { $0.properties.generalCategory == .control ? " " : $0 }
        let line = String(String.UnicodeScalarView(scalars.prefix(maximumNameBytes)))
        let words = line.split(separator: " ").joined(separator: " ").prefix(maximumNameLength)
        return words.utf8.count <= maximumNameBytes ? String(words) : ""
    }

    /// The name in a vCard: the nickname, or the full name where there is none.
    static func name(in card: Element) -> String? {
        let names = [card.child("NICKNAME", .vCard), card.child("FN", .vCard)].compactMap { $0 }
        return names.lazy.map { name(from: $0.text) }.first { !$0.isEmpty }
    }

    // MARK: vCards

    /// The card becomes the vCard that a client sets: its photo and its name are the account's from now on.
    mutating func set(_ vCard: Element, at host: Host) {
        photo = vCard.child("PHOTO", .vCard)?.child("BINVAL", .vCard).flatMap { AccountPhoto(base64: $0.text) }
        // A photo that the server does not know stays where it is.
        let isKnown = photo != nil
        var writer = XMLWriter(contentNamespace: .none)
        writer.copy(vCard) { isKnown && $0.isNamed("PHOTO", .vCard) }
        stored = host.element(fromOwn: writer.finish(), "a card")
        if let name = Self.name(in: vCard) { self.name = name }
    }

    /// Writes the vCard as it is shown. Where it has the name that the account had, it has the name that the account has now.
    ///
    /// - Parameter showsPhoto: whether it is for somebody who may see the photo.
    func write(showingPhoto showsPhoto: Bool = true, to writer: inout XMLWriter) {
        let photo = showsPhoto ? photo : nil
        guard let stored else {
            writer.element("vCard", .vCard) { writer in
                if !name.isEmpty {
                    writer.element("FN", text: name)
                    writer.element("NICKNAME", text: name)
                }
                photo?.write(to: &writer)
            }
            return
        }
        // The vCard is copied whole: whatever its parts share stands in it once.
        let former = Self.name(in: stored)
        let isOutdated = { (part: Element) in
            former != nil && former != name && Self.namePart(part) != nil && Self.name(from: part.text) == former
        }
        let hasPhoto = self.photo != nil
        var added = XMLWriter()
        if former == nil, !name.isEmpty { added.element("FN", .vCard, text: name) }
        for part in stored.children where !name.isEmpty && isOutdated(part) {
            if let namePart = Self.namePart(part) { added.element(namePart, .vCard, text: name) }
        }
        photo?.write(to: &added)
        let appended = added.finish()
        writer.stanza(
            stored, leavingOut: { hasPhoto && $0.isNamed("PHOTO", .vCard) || isOutdated($0) },
            appending: appended.readableBytes > 0 ? appended : nil)
    }

    private static func namePart(_ child: Element) -> StaticString? {
        if child.isNamed("NICKNAME", .vCard) { return "NICKNAME" }
        return child.isNamed("FN", .vCard) ? "FN" : nil
    }

    /// The vCard as it is shown; nil: what the account tells cannot be written.
    func shown(at host: Host) -> Element? {
        var writer = XMLWriter(contentNamespace: .none)
        write(showingPhoto: false, to: &writer)
        return host.element(fromOwn: writer.finish(), "a card")
    }

    /// The same for the same card, in any process.
    var fingerprint: [UInt8] {
        var hash = SHA256()
        // In this order, each part ends before the next one begins.
        hash.update(data: Array("\(name.utf8.count) \(name)\(photo?.bytes.count ?? -1) ".utf8))
        if let photo { hash.update(data: photo.bytes) }
        if let stored {
            var writer = XMLWriter(contentNamespace: .none)
            StoredElement(stored).write(to: &writer)
            hash.update(data: Array(writer.finish().readableBytesView))
        }
        return Array(hash.finalize())
    }
}

extension AccountPhoto {
    /// A file in Base64, between whose characters there may be white space.
    init?(base64 text: String) {
        let characters = text.utf8.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        guard let bytes = Base64.decode(characters) else { return nil }
        self.init(bytes)
    }
}

/// Where what accounts tell of their people is stored.
struct CardStore: Sendable {
    private let host: Host
    private let cards: KeyedStore<StoredElement>
    private let photos: KeyedStore<StoredElement>
    /// What of each card its views have shown last: a hash.
    static let shownStore = "card-shown"

    init(host: Host) {
        self.host = host
        cards = KeyedStore(PersonalData.cardStore, in: host.storage)
        photos = KeyedStore(AccountPhoto.store, in: host.storage)
    }

    /// - Parameter isComplete: whether the vCard that a client has set counts.
    func card(of record: AccountRecord, isComplete: Bool) async throws(StorageError) -> Card {
        let stored = isComplete ? try await cards.get(record.jid)?.element : nil
        let photo = try await host.photo(of: record.jid)
        return Card(name: record.account.displayName, photo: photo, stored: stored)
    }

    /// Stores what has changed, all of it or nothing.
    func put(_ card: Card, inPlaceOf former: Card, of record: AccountRecord) async throws(StorageError) {
        var changes: [StorageChange] = []
        if card.photo != former.photo {
            let stored = card.photo.map {
                StorageChange.putValue(store: AccountPhoto.store, owner: record.jid, key: "", $0.stored)
            }
            changes.append(stored ?? photos.removing(record.jid))
        }
        switch (card.stored, former.stored) {
        case (nil, nil): break
        case (nil, _): changes.append(cards.removing(record.jid))
        case (let new?, let old):
            if old?.isEquivalent(to: new) != true { changes.append(cards.putting(StoredElement(new), record.jid)) }
        }
        if card.name != former.name {
            _ = try await host.change(record, AccountUpdate(displayName: card.name), with: changes)
        } else if !changes.isEmpty {
            try await host.storage.commit(changes)
        }
    }

    // MARK: What is shown

    /// Whether all views have shown the card as it is; true for an account of which nothing has been shown yet.
    func isShown(_ card: Card, of record: AccountRecord) async throws(StorageError) -> Bool {
        guard let shown = try await host.storage.value(Self.shownStore, record.jid, key: "") else { return true }
        return shown == card.fingerprint
    }

    /// All views show the card now.
    func note(shown card: Card, of record: AccountRecord) async throws(StorageError) {
        let fingerprint = card.fingerprint
        guard try await host.storage.value(Self.shownStore, record.jid, key: "") != fingerprint else { return }
        try await host.storage.commit([
            .putValue(store: Self.shownStore, owner: record.jid, key: "", fingerprint)
        ])
    }
}
