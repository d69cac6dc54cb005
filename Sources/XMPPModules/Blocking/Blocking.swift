import NIOCore
import XMPPServer

/// XEP-0191: Blocking Command. A blocked address cannot send anything to the account, to which it seems offline.
///
/// Left out: a resource blocked by its full JID still receives presence sent to its account.
struct Blocking: ServerModule {
    static let info = ModuleInfo(
        "blocking", implements: [.xep(191, "1.3")], requires: ["presence"],
        summary: "Accounts can block addresses.")

    static let personalData = [
        PersonalData(
            store: store,
            .elements { values in
                guard !values.isEmpty else { return [] }
                var writer = XMLWriter(contentNamespace: .none)
                writer.element("blocklist", namespace) { writer in
                    for jid in values.keys.sorted() { writer.element("item", nil, ["jid": jid]) }
                }
                return Array(writer.finish().readableBytesView)
            })
    ]

    private static let namespace: Namespace = "urn:xmpp:blocking"
    private static let store = "blocked"
    static let list = AccountRecord.Slot("blocked") { BlockList() }
    /// §3.5: the error for stanzas to a blocked address.
    private static let blocked = StanzaError(
        .notAcceptable, type: .cancel, detail: .init("blocked", "urn:xmpp:blocking:errors"))

    /// Set on sessions that asked for the list, and get pushes.
    private static let wantsList = ClientSession.Flag("wants block list")

    struct Settings: ModuleSettings {
        let maximum: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            maximum = section.integer(
                "maximum-items", default: 1000, in: 1...100_000, "How many addresses an account may block.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.preload(Self.store, in: Self.list) { list, values in
            let jids = values.keys.compactMap { JID($0) }
            _ = list.reserve(jids.count, atMost: .max)
            list.add(jids, isStored: true)
        }
        registrar.accountIQ(.get, "blocklist", Self.namespace, to: .ownAccount, needs: .chat, get)
        registrar.accountIQ(.set, "block", Self.namespace, to: .ownAccount, needs: .changeContacts, block)
        registrar.accountIQ(.set, "unblock", Self.namespace, to: .ownAccount, needs: .changeContacts, unblock)
        for point in [Hooks.messageFromClient, Hooks.presenceFromClient, Hooks.iqFromClient] {
            registrar.on(point, .block) { event in
                guard let to = event.to, let record = event.sender, record.blocks(to) else { return .go }
                // Results are dropped silently.
                return event.stanza.type == .result ? .handled : .bounce(Self.blocked)
            }
        }
        for point in [Hooks.messageToAccount, Hooks.presenceToAccount, Hooks.iqToAccount, Hooks.iqToSession] {
            registrar.on(point, .block) { event in
                guard let account = event.account, account.blocks(event.from) else { return .go }
                let isSilent = event.stanza.kind == .presence || event.stanza.type == .result
                return isSilent ? .handled : .bounce(.serviceUnavailable)
            }
        }
    }

    // MARK: Requests

    @Sendable private func get(_ request: AccountRequest) -> Reply {
        request.session?.set(Self.wantsList, true)
        let blocked = request.record[Self.list].all
        return .result { Self.write("blocklist", blocked, to: &$0) }
    }

    @Sendable private func block(_ request: AccountRequest) -> Reply {
        let jids: [JID]
        do throws(StanzaError) { jids = try items(of: request.payload) } catch { return .error(error) }
        guard !jids.isEmpty else { return .error(.badRequest) }
        let record = request.record
        let list = record[Self.list]
        guard list.reserve(jids.count, atMost: settings.maximum) else { return .error(.policyViolation) }
        let changes = jids.map {
            StorageChange.putValue(store: Self.store, owner: record.jid, key: $0.string, Array("<blocked/>".utf8))
        }
        return request.commit(changes) { isStored in
            list.add(jids, isStored: isStored)
        } then: {
            Self.push("block", jids, to: record)
            for contact in Self.contacts(of: record, among: jids, where: \.hasFrom) {
                host.sendUnavailable(of: record, to: contact)
            }
        }
    }

    @Sendable private func unblock(_ request: AccountRequest) -> Reply {
        let named: [JID]
        do throws(StanzaError) { named = try items(of: request.payload) } catch { return .error(error) }
        let record = request.record
        let list = record[Self.list]
        // §3.4: without items, all.
        let jids = named.isEmpty ? list.all : named
        let changes = jids.map { StorageChange.removeValue(store: Self.store, owner: record.jid, key: $0.string) }
        return request.commit(changes) { isStored in
            if isStored { list.remove(jids) }
        } then: {
            Self.push("unblock", named, to: record)
            for contact in Self.contacts(of: record, among: jids, where: \.hasFrom) {
                host.sendPresence(of: record, to: contact)
            }
            Presence.showPresence(of: Self.contacts(of: record, among: jids, where: \.hasTo), to: record, host.router)
        }
    }

    /// The addresses in the items, without duplicates. More than fit in the list are refused before they are parsed.
    private func items(of payload: Element) throws(StanzaError) -> [JID] {
        let items = payload.children.lazy.filter { $0.isNamed("item", Self.namespace) }
        guard items.count(where: { _ in true }) <= settings.maximum else { throw .policyViolation }
        var seen: Set<JID> = []
        var jids: [JID] = []
        for item in items {
            guard let jid = item["jid"].flatMap({ JID($0) }) else { throw .jidMalformed }
            if seen.insert(jid).inserted { jids.append(jid) }
        }
        return jids
    }

    /// The contacts that the addresses cover.
    private static func contacts(
        of record: AccountRecord, among jids: [JID], where isMeant: (SubscriptionState) -> Bool
    ) -> [JID] {
        let meant = Set(jids)
        return record.withRoster { roster in roster.items.filter { isMeant($0.state) }.map(\.jid) }.filter { contact in
            meant.contains(contact)
                || JID(local: nil, domain: contact.domain, resource: nil).map(meant.contains) ?? false
        }
    }

    // MARK: Writing

    private static func write(_ name: StaticString, _ jids: [JID], to writer: inout XMLWriter) {
        writer.element(name, namespace) { writer in
            for jid in jids { writer.element("item", nil, ["jid": jid.string]) }
        }
    }

    private static func push(_ name: StaticString, _ jids: [JID], to record: AccountRecord) {
        let id = "push-\(SecureRandom.text(length: 8))"
        for session in record.sessions where session.has(wantsList) {
            session.send(.iq) { writer in
                writer.start("iq", .client)
                writer.attribute("type", "set" as StaticString)
                writer.attribute("id", id)
                writer.attribute("to", session.jid.string)
                write(name, jids, to: &writer)
                writer.end()
            }
        }
    }
}
