import NIOCore
import XMPPServer

/// XEP-0357: Push Notifications: when a message waits for a client that is not connected, its app server is notified,
/// which wakes the client by the means of its platform.
///
/// The app server is an account or a service of this server: a full JID, or a bare JID, which means its most available
/// session. It is told the number of waiting messages; the last sender and text are optional. As recipients have not
/// agreed to notifications, those to one account together are rate-limited, unless the settings declare it an app
/// server; and an account that blocks the sender's account gets none.
struct Push: ServerModule {
    static let info = ModuleInfo(
        "push", implements: [.xep(357, "0.4.1"), .xep(492, "0.2.0")], requires: ["presence"],
        summary: "Lets app servers wake clients for which messages wait.")

    static let personalData = [PersonalData(store: store, endsWithPassword: true)]

    private static let namespace: Namespace = "urn:xmpp:push:0"
    private static let store = "push"
    private static let list = AccountRecord.Slot("push") { PushList() }
    /// After so many temporary refusals in a row an app server is not notified any more.
    private static let maximumFailures = 5
    private static let answerTime = Duration.seconds(30)
    private static let maximumBodySize = 1024

    struct Settings: ModuleSettings {
        let maximum: Int
        let tellsSender: Bool
        let tellsBody: Bool
        let services: Set<JID>
        let perMinute: Int
        let perService: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            maximum = section.integer(
                "maximum-services", default: 20, in: 1...1000, "How many app servers an account may have told.")
            tellsSender = section.boolean(
                "sender", default: false, "Whether app servers learn whom the last message is from.")
            tellsBody = section.boolean(
                "body", default: false, "Whether app servers learn what the last message says.")
            perMinute = section.integer(
                "per-minute", default: 60, in: 0...100_000,
                "Notifications for an account in a minute, beyond which app servers are not told; 0: any number.")
            perService = section.integer(
                "per-service-per-minute", default: 60, in: 0...100_000,
                "Notifications in a minute to an account that is not listed in `services`; 0: any number.")
            let names = section.strings(
                "services", default: [], "The accounts of app servers, which are told whatever there is.")
            services = Set(names.compactMap { JID($0)?.bare })
            for name in names where JID(name)?.hasLocal != true {
                section.fail(
                    "services", "\"\(name)\" is no account", fix: "write addresses such as push@example.org")
            }
        }
    }

    private let host: Host
    private let settings: Settings
    private let limit: AttemptLimit<JID>
    /// By app server.
    private let serviceLimit: AttemptLimit<JID>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        limit = AttemptLimit(limit: settings.perMinute, within: .seconds(60))
        serviceLimit = AttemptLimit(limit: settings.perService, within: .seconds(60))
    }

    func register(_ registrar: inout Registrar) {
        registrar.accountFeature(Self.namespace)
        registrar.preload(Self.store, in: Self.list) { [host] list, values in
            for value in values.values {
                let element = host.element(fromOwn: value, "who is told of what waits for an account")
                if let registration = element.flatMap(PushRegistration.init(stored:)) { list.put(registration) }
            }
        }
        registrar.clientIQ(.set, "enable", Self.namespace, to: .ownAccount, needs: .changeSettings, enable)
        registrar.clientIQ(.set, "disable", Self.namespace, to: .ownAccount, needs: .changeSettings, disable)
        registrar.on(Hooks.sessionBound, .deliver) { event in
            event.session.record[Self.list].wasSeen(event.session.jid.resource ?? "")
            return .go
        }
        registrar.on(Hooks.credentialsChanged, .deliver) { event in
            passwordChanged(of: event.account, sparing: event.sparing)
            return .go
        }
        registrar.on(Hooks.accessRevoked, .deliver) { event in
            remove(event.account) { $0.access == Self.access(event.grant?.id, event.token ?? []) }
            return .go
        }
        registrar.on(Hooks.messageKept, .copy) { event in
            kept(event)
            return .go
        }
        registrar.reserve(RoomNote.namespace) { _, _ in true }
        // Behind those that block.
        registrar.on(Hooks.messageToAccount, .rewrite) { event in
            guard let note = RoomNote(in: event.stanza.element) else { return .go }
            // Those who are not to be notified are not told of more.
            guard let account = event.account, !account[Self.list].isEmpty else { return .bounce(.serviceUnavailable) }
            let (message, from, mark) = (event.stanza.element, event.from, event.mark)
            return .wait { await missed(message, from: from, note, account, mark) }
        }
        // Messages that other sessions take also wait for disconnected ones.
        registrar.on(Hooks.messageToAccount, .copy) { event in
            guard let account = event.account, !account[Self.list].isEmpty,
                RoomNotifications.mayWake(event.stanza.element)
            else {
                return .go
            }
            let sessions = account.sessions
            switch MessageDestination(of: event, among: sessions) {
            case .session, .sessions:
                notify(account, event.stanza.element, event.from, event.mark) { registration in
                    !sessions.contains { $0.jid.resource == registration.resource }
                }
            case .nobody, .refused, .nowhere: break
            }
            return .go
        }
    }

    // MARK: Requests, §5

    @Sendable private func enable(_ request: ClientRequest) -> Reply {
        guard let service = request.payload["jid"].flatMap({ JID($0) }) else { return .error(.badRequest) }
        switch host.router.hosts.recipient(of: service) {
        case .account, .service, .remote: break
        case .host, .unknown: return .error(StanzaError(.remoteServerNotFound))
        }
        let node = request.payload["node"] ?? ""
        let options = request.payload.child("x", .dataForms)
        guard node.utf8.count <= JID.maximumPartByteCount, options.map(PushRegistration.isAcceptable) ?? true else {
            return .error(.notAcceptable)
        }
        let registration = PushRegistration(
            service: service, node: node, resource: request.from.resource ?? "",
            options: options?.detached(),
            access: request.session.token.map { Self.access($0.grant, $0.digest) })
        let record = request.record
        let list = record[Self.list]
        guard list.begin(registration.key, atMost: settings.maximum) else { return .error(.policyViolation) }
        let change = KeyedStore<PushRegistration>(Self.store, in: host.storage)
            .putting(registration, record.jid, key: registration.key)
        return request.account.commit([change]) { isStored in
            list.end(registration, isStored: isStored)
        }
    }

    @Sendable private func disable(_ request: ClientRequest) -> Reply {
        guard let service = request.payload["jid"].flatMap({ JID($0) }) else { return .error(.badRequest) }
        let node = request.payload["node"]
        let record = request.record
        let list = record[Self.list]
        let ended = list.all.filter { $0.service == service && (node == nil || $0.node == node) }.map(\.key)
        guard !ended.isEmpty else { return .error(.itemNotFound) }
        return request.account.commit(Self.removal(of: ended, record)) { isStored in
            guard isStored else { return }
            for key in ended { list.remove(key) }
        }
    }

    private static func removal(of keys: [String], _ record: AccountRecord) -> [StorageChange] {
        keys.map { .removeValue(store: store, owner: record.jid, key: $0) }
    }

    // MARK: The end of what was asked for

    /// Stands for a grant, or for a token without one.
    private static func access(_ grant: String?, _ digest: [UInt8]) -> String {
        grant.map { "grant \($0)" } ?? "token \(Base64.encode(digest))"
    }

    /// A change of the password removes all registrations, except those of the session that made it.
    private func passwordChanged(of account: AccountRecord, sparing session: ClientSession?) {
        let resource = session?.jid.resource
        remove(account) { $0.resource != resource }
        let store = KeyedStore<PushRegistration>(Self.store, in: host.storage)
        let spared = account[Self.list].all.map { store.putting($0, account.jid, key: $0.key) }
        if !spared.isEmpty { submit(spared) }
    }

    private func remove(_ account: AccountRecord, where isMeant: (PushRegistration) -> Bool) {
        let list = account[Self.list]
        let keys = list.all.filter(isMeant).map(\.key)
        guard !keys.isEmpty else { return }
        for key in keys { list.remove(key) }
        submit(Self.removal(of: keys, account))
    }

    private func submit(_ changes: [StorageChange]) {
        host.storage.submit(changes, .soon) { [host] result in
            if case .failure(let error) = result { _ = host.report(error) }
        }
    }

    // MARK: Notifications, §7

    private func kept(_ event: KeptMessage) {
        guard !event.account[Self.list].isEmpty, RoomNotifications.mayWake(event.message) else { return }
        if event.message.attribute("type", equals: "groupchat") {
            host.router.begin {
                _ = await missed(event.message, from: event.from, nil, event.account, event.mark, by: event.session)
            }
            return
        }
        let sessions = event.account.sessions
        notify(event.account, event.message, event.from, event.mark) { registration in
            if let session = event.session { return session.jid.resource == registration.resource }
            return !sessions.contains { $0.jid.resource == registration.resource }
        }
    }

    /// A message in a room waits: for a session that is in the room, or for somebody who is away.
    ///
    /// - Returns: `service-unavailable` if they never want to know of messages there.
    private func missed(
        _ message: Element, from: JID, _ note: RoomNote?, _ account: AccountRecord, _ mark: TracePoint?,
        by session: ClientSession? = nil
    ) async -> Verdict {
        do throws(StanzaError) {
            let bookmark = try await RoomNotifications.bookmark(of: from, of: account, at: host)
            let wanted = RoomNotifications(bookmark, note)
            guard wanted != .never else { return .bounce(.serviceUnavailable) }
            guard wanted.include(message, note, account.jid, bookmark) else { return .handled }
            let sessions = account.sessions
            notify(account, message, from, mark) { registration in
                if let session { return session.jid.resource == registration.resource }
                return !sessions.contains { $0.jid.resource == registration.resource }
            }
            return .handled
        } catch {
            return .handled
        }
    }

    private func notify(
        _ account: AccountRecord, _ message: Element, _ from: JID, _ mark: TracePoint?,
        where isMeant: (PushRegistration) -> Bool
    ) {
        let news = News(
            sender: settings.tellsSender ? from.string : nil,
            body: settings.tellsBody ? message.child("body", .client).map { Self.beginning(of: $0.text) } : nil)
        for registration in account[Self.list].messageWaits(where: isMeant) {
            mark?.record(.pushed, registration.service.string)
            tell(registration, of: account, news)
        }
    }

    /// The beginning of a text, as long as notifications show it.
    private static func beginning(of text: String) -> String {
        text.utf8.count <= maximumBodySize ? text : String(text.prefix(maximumBodySize / 4))
    }

    /// Information about the last message for an app server.
    private struct News: Sendable {
        let sender: String?
        let body: String?
    }

    /// Notifies an app server; one notification at a time.
    private func tell(_ registration: PushRegistration, of account: AccountRecord, _ news: News) {
        let list = account[Self.list]
        guard let count = list.take(registration.key) else { return }
        guard mayTell(registration.service.bare, of: account) else { return list.missed(registration.key) }
        host.router.request(
            .set, from: host.jid, at: host, to: registration.service, within: Self.answerTime
        ) { writer in
            Self.write(registration, count, news, to: &writer)
        } then: { answer in
            told(registration, of: account, news, answer)
        }
    }

    private func mayTell(_ service: JID, of account: AccountRecord) -> Bool {
        let now = host.uptime()
        if host.router.hosts.cachedAccount(service)?.blocks(account.jid) == true { return false }
        guard let place = limit.take(account.jid, at: now) else { return false }
        guard settings.services.contains(service) || serviceLimit.take(service, at: now) != nil else {
            limit.giveBack(place)
            return false
        }
        return true
    }

    private func told(
        _ registration: PushRegistration, of account: AccountRecord, _ news: News, _ answer: RequestAnswer
    ) {
        let list = account[Self.list]
        switch answer {
        case .result:
            if list.told(registration.key) { tell(registration, of: account, news) }
        case .error(let error):
            let failures = list.failed(registration.key)
            // §7.1: a notification that the app server refuses is not repeated.
            guard error?.attribute("type", equals: "wait") != true || failures >= Self.maximumFailures else { return }
            list.remove(registration.key)
            submit(Self.removal(of: [registration.key], account))
        case .none:
            list.missed(registration.key)
        }
    }

    private static func write(
        _ registration: PushRegistration, _ count: Int, _ news: News, to writer: inout XMLWriter
    ) {
        writer.start("pubsub", .pubSub)
        writer.start("publish")
        writer.attribute("node", registration.node)
        writer.start("item")
        writer.start("notification", namespace)
        writer.start("x", .dataForms)
        writer.attribute("type", "submit" as StaticString)
        field("FORM_TYPE", "urn:xmpp:push:summary", to: &writer)
        field("message-count", "\(count)", to: &writer)
        if let sender = news.sender { field("last-message-sender", sender, to: &writer) }
        if let body = news.body { field("last-message-body", body, to: &writer) }
        for _ in 0..<4 { writer.end() }
        if let options = registration.options {
            writer.element("publish-options") { $0.copy(options) }
        }
        writer.end()
    }

    private static func field(_ name: String, _ value: String, to writer: inout XMLWriter) {
        writer.element("field", nil, ["var": name]) { $0.element("value", text: value) }
    }
}
