import NIOCore
import XMPPServer

/// XEP-0054: vcard-temp. An account without a stored card shows its display name and photo.
struct VCard: ServerModule {
    static let info = ModuleInfo(
        "vcard", implements: [.xep(54, "1.2")], summary: "Cards with names and photos.")

    static let personalData = [
        PersonalData(store: PersonalData.cardStore, .elements { values in values.values.flatMap(\.self) })
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

    private let host: Host
    private let settings: Settings
    private let cards: KeyedStore<StoredElement>
    private let photos: KeyedStore<StoredElement>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        cards = KeyedStore(PersonalData.cardStore, in: host.storage)
        photos = KeyedStore(AccountPhoto.store, in: host.storage)
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(.vCard)
        // RFC 6121 §8.5.3: a request to a client is answered by the client.
        let target: IQTarget =
            settings.answersForClients ? [.ownAccount, .account, .session] : [.ownAccount, .account]
        registrar.iq(.get, "vCard", .vCard, to: target, needs: .chat, get)
        registrar.iq(.set, "vCard", .vCard, to: target, needs: settings.isWritable ? .changeSettings : .chat, set)
    }

    @Sendable private func get(_ request: IQRequest) -> Reply {
        let (owner, isOwn) = (request.owner, request.isOwn)
        let answer: @Sendable () -> Reply = {
            .async {
                let reply = await card(of: owner)
                // §3.1: an own card that does not exist is empty; for others the answer does not tell whether the
                // account exists.
                if isOwn, case .error(let error) = reply, error.condition == .itemNotFound {
                    return .result { $0.element("vCard", .vCard) }
                }
                return reply
            }
        }
        guard settings.isForContacts else { return answer() }
        return request.answer(if: { $0 == .both }, else: .itemNotFound, answer)
    }

    private func card(of owner: JID) async -> Reply {
        do throws(StorageError) {
            if settings.isWritable, let card = try await cards.get(owner)?.element {
                return .result { $0.copy(card) }
            }
            guard let account = try await host.accounts.load(owner)?.account else { return .error(.itemNotFound) }
            let photo = try await photos.get(owner)?.element
            let name = account.displayName
            guard !name.isEmpty || photo != nil else { return .error(.itemNotFound) }
            return .result { writer in
                writer.element("vCard", .vCard) { writer in
                    writer.element("FN", text: name)
                    writer.element("NICKNAME", text: name)
                    if let photo { writer.copy(photo) }
                }
            }
        } catch {
            return .error(host.report(error))
        }
    }

    @Sendable private func set(_ request: IQRequest) -> Reply {
        guard settings.isWritable else { return .error(.notAllowed) }
        guard request.isOwn else { return .error(.forbidden) }
        guard request.payload.byteCount <= settings.maximumSize else { return .error(.policyViolation) }
        let owner = request.owner
        let card = StoredElement(request.payload)
        return .async {
            do throws(StorageError) {
                try await cards.put(card, owner)
                return .ok
            } catch {
                return .error(host.report(error))
            }
        }
    }
}
