import NIOCore
import XMPPServer

/// XEP-0054: vcard-temp. An account without a stored card shows its display name and photo; in a card that a client has set,
/// name and photo are the account's.
///
/// The module also keeps all other views of the card up to date (`CardView`).
struct VCard: ServerModule {
    static let info = ModuleInfo(
        "vcard", implements: [.xep(54, "1.2")], summary: "Cards with names and photos.")

    static let personalData = [
        PersonalData(store: PersonalData.cardStore, .elements { values in values.values.flatMap(\.self) }),
        // Made from the card.
        PersonalData(store: CardStore.shownStore, .secret),
    ]

    struct Settings: ModuleSettings {
        let isWritable: Bool
        let isForContacts: Bool
        let answersForClients: Bool
        let maximumSize: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            isWritable = section.boolean("writable", default: true, "Whether clients may change their card.")
            isForContacts = section.boolean(
                "contacts-only", default: false, "Whether only contacts of both sides see a card.")
            answersForClients = section.boolean(
                "for-clients", default: false,
                "Whether the host answers with the account's card when a client of the account is asked for one.")
            maximumSize = section.byteCount(
                "maximum-size", default: 256 * 1024, in: 1024...64 * 1024 * 1024,
                "How much a card may take, its photo included.")
        }
    }

    /// All views show the card, as far as is known.
    private static let isShown = AccountRecord.Mark("card")

    private let host: Host
    let settings: Settings
    private let store: CardStore
    /// A card is changed by one at a time.
    private let turns = OneAtATime<JID>()

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        store = CardStore(host: host)
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(.vCard)
        // RFC 6121 §8.5.3: a request to a client is answered by the client.
        let target: IQTarget =
            settings.answersForClients ? [.ownAccount, .account, .session] : [.ownAccount, .account]
        registrar.iq(.get, "vCard", .vCard, to: target, needs: .chat, get)
        registrar.iq(.set, "vCard", .vCard, to: target, needs: settings.isWritable ? .changeSettings : .chat, set)
        registrar.on(Hooks.presenceFromClient, .validate, showAtFirst)
        registrar.on(Hooks.accountChanged, .deliver) { event in
            follow(event.account.jid)
            return .go
        }
        registrar.on(PersonalEventing.nodeChanged, .deliver) { change in
            followNode(change)
            return .go
        }
    }

    // MARK: Requests

    @Sendable private func get(_ request: IQRequest) -> Reply {
        let isOwn = request.isOwn
        return answer(request) { card, showsPhoto in
            // §3.1: an own card that does not exist is empty; for others the answer does not tell whether the
            // account exists.
            guard isOwn || !card.name.isEmpty || card.stored != nil || card.photo != nil && showsPhoto else {
                return .error(.itemNotFound)
            }
            return .result { card.write(showingPhoto: showsPhoto, to: &$0) }
        }
    }

    /// Answers whom the card is for; the others as if there were none.
    ///
    /// - Parameter body: gets the card, and whether the photo is for whoever asks.
    func answer(
        _ request: IQRequest, _ body: @escaping @Sendable (Card, _ showsPhoto: Bool) async -> Reply
    ) -> Reply {
        let (owner, asker) = (request.owner, request.from)
        let answer: @Sendable () -> Reply = {
            .async {
                do throws(StanzaError) {
                    guard let record = try await host.find(owner).get() else { return .error(.itemNotFound) }
                    let card = try await card(of: record)
                    let showsPhoto = try await Avatars.areShown(of: record, to: asker, at: host)
                    return await body(card, showsPhoto)
                } catch {
                    return .error(error)
                }
            }
        }
        guard settings.isForContacts else { return answer() }
        return request.answer(if: { $0 == .both }, else: .itemNotFound, answer)
    }

    @Sendable private func set(_ request: IQRequest) -> Reply {
        guard settings.isWritable else { return .error(.notAllowed) }
        guard request.isOwn else { return .error(.forbidden) }
        guard request.payload.byteCount <= settings.maximumSize else { return .error(.policyViolation) }
        let (owner, payload) = (request.owner, request.payload)
        return .async {
            do throws(StanzaError) {
                guard let record = try await host.find(owner).get() else { return .error(.itemNotFound) }
                try await update(record) { card in card.set(payload, at: host) }
                return .ok
            } catch {
                return .error(error)
            }
        }
    }

    // MARK: The card

    private func card(of record: AccountRecord) async throws(StanzaError) -> Card {
        do throws(StorageError) {
            return try await store.card(of: record, isComplete: settings.isWritable)
        } catch {
            throw host.report(error)
        }
    }

    /// Changes the card, then has all views show it. Returns when that is done. Where it cannot be shown, the card is what it is: it is
    /// shown before the account's next presence goes out.
    ///
    /// - Returns: whether all views show it.
    @discardableResult
    func update(
        _ record: AccountRecord, _ change: @Sendable (inout Card) async throws(StanzaError) -> Void
    ) async throws(StanzaError) -> Bool {
        try await turns.run(for: record.jid) { () async throws(StanzaError) -> Bool in
            let former = try await card(of: record)
            var card = former
            try await change(&card)
            do throws(StorageError) {
                try await store.put(card, inPlaceOf: former, of: record)
            } catch {
                throw host.report(error)
            }
            let isShown = await show(card, of: record)
            if !isShown { record.set(Self.isShown, false) }
            return isShown
        }
    }

    private func show(_ card: Card, of record: AccountRecord) async -> Bool {
        let views = views
        guard !views.isEmpty else { return true }
        var isShown = true
        for view in views {
            // It is logged where it happened; the others show the card all the same.
            do throws(StanzaError) { try await view.show(card, of: record) } catch { isShown = false }
        }
        guard isShown else { return false }
        do throws(StorageError) {
            try await store.note(shown: card, of: record)
            return true
        } catch {
            _ = host.report(error)
            return false
        }
    }

    // MARK: Views

    /// Where the card is shown beside here.
    private var views: [any CardView] {
        guard settings.isWritable, host.personalEventing != nil else { return [] }
        return host.modules.compactMap { $0 as? any CardView }
    }

    /// When an account begins to be used, its nodes are compared with the card: the server may have ended between two steps of a
    /// change. What clients have published counts, as they were told that it is there; unless the card has changed since all views
    /// have shown it.
    @Sendable private func showAtFirst(_ event: inout StanzaContext) -> Verdict {
        guard event.stanza.type == .available, let record = event.session?.record, !record.has(Self.isShown) else {
            return .go
        }
        let views = views
        guard !views.isEmpty else {
            record.set(Self.isShown, true)
            return .go
        }
        return .wait {
            do throws(StanzaError) {
                let isShown = try await update(record) { (card: inout Card) async throws(StanzaError) in
                    guard try await wasShown(card, of: record) else { return }
                    for view in views { try await view.read(into: &card, of: record, after: nil) }
                }
                if isShown { record.set(Self.isShown, true) }
            } catch {
                // It is logged where it happened, and tried again with the next presence.
            }
            return .go
        }
    }

    private func wasShown(_ card: Card, of record: AccountRecord) async throws(StanzaError) -> Bool {
        do throws(StorageError) { return try await store.isShown(card, of: record) } catch { throw host.report(error) }
    }

    /// Shows an account's name and photo that may have become others.
    private func follow(_ account: JID) {
        guard !views.isEmpty else { return }
        host.router.begin {
            do throws(StanzaError) {
                guard let record = try await host.find(account).get() else { return }
                try await update(record) { _ in }
            } catch {
                // It is logged where it happened, and made up for with the next presence: by then it has not been shown.
                host.accounts.cached(account)?.set(Self.isShown, false)
            }
        }
    }

    /// Takes over what a client has published. What modules publish is what the card says already.
    private func followNode(_ change: NodeChange) {
        guard change.publisher != nil,
            let view = views.first(where: { type(of: $0).nodes.contains(change.node) })
        else { return }
        host.router.begin {
            do throws(StanzaError) {
                try await update(change.account) { (card: inout Card) async throws(StanzaError) in
                    try await view.read(into: &card, of: change.account, after: change)
                }
            } catch {
                // It is logged where it happened, and tried again with the next presence.
                change.account.set(Self.isShown, false)
            }
        }
    }
}

extension Host {
    /// The cards of the host's accounts; nil: the host has none.
    var cards: VCard? { module(VCard.self) }
}
