import NIOCore
import Synchronization
import XMPPServer

/// RFC 6121 §4: initial, updated, directed and unavailable presence, and probes. For subscriptions see
/// `Subscriptions.swift`.
///
/// A session that becomes available gets the presence of local contacts without probes, as the server knows it.
/// Contacts at services, and those at home on other servers, are probed.
struct Presence: ServerModule {
    static let info = ModuleInfo(
        "presence", implements: [.rfc(6121, "§3, §4")], requires: ["roster"],
        summary: "Presence and the subscriptions to it.")

    /// How probes from clients are treated.
    enum Probes: String, CaseIterable, Sendable {
        case answer
        case ignore
    }

    /// How presence to an unknown domain is treated.
    enum UnknownDomain: String, CaseIterable, Sendable {
        case refuse
        case ignore
    }

    /// A session becomes available, or its priority changes from negative to one that takes messages.
    static let becameAvailable = HookPoint<SessionEvent>("becameAvailable")
    /// An available session becomes unavailable.
    static let becameUnavailable = HookPoint<Unavailable>("becameUnavailable")
    /// A session is about to send a subscription request; a handler may refuse it.
    static let inviting = HookPoint<SessionEvent>("inviting")
    /// An account is about to ask somebody for a subscription.
    static let asking = HookPoint<Asking>("asking")
    /// A subscription request is about to be delivered.
    static let invitation = HookPoint<StanzaContext>("invitation")

    /// A request for a subscription.
    struct Asking: Sendable {
        /// Who asks.
        let account: Account
        /// Who is asked; a bare JID.
        let to: JID
        let host: Host
        /// The request; handlers may change it.
        private(set) var stanza: Stanza

        init(_ stanza: Stanza, of account: Account, to: JID, host: Host) {
            self.account = account
            self.to = to
            self.host = host
            self.stanza = stanza
        }

        /// Replaces the request by what `body` writes.
        mutating func rewrite(_ body: (inout XMLWriter) -> Void) {
            var writer = XMLWriter()
            body(&writer)
            stanza = host.stanza(fromOwn: writer.finish(), "a request for a subscription") ?? stanza
        }
    }

    /// A session that becomes unavailable.
    struct Unavailable: Sendable {
        let session: ClientSession
        /// The client's stanza; nil: the session ended.
        let presence: Element?
    }

    struct Settings: ModuleSettings {
        let probes: Probes
        let unknownDomain: UnknownDomain
        let refusesStrangers: Bool
        let subscriptions: Subscriptions.Settings

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            probes = section.choice("probes", default: .answer, "What becomes of probes that clients send.")
            unknownDomain = section.choice(
                "unknown-domain", default: .refuse,
                "What becomes of presence to a domain that nobody here answers for: RFC 6120 §10.4 has it refused.")
            refusesStrangers = profile.stanzas.fromStrangers == .refuse
            subscriptions = Subscriptions.Settings(section)
        }
    }

    let host: Host
    let subscriptions: Subscriptions
    private let settings: Settings
    private let directed = DirectedPresence()
    private let components: ComponentPresence

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        subscriptions = Subscriptions(host: host, settings: settings.subscriptions)
        components = ComponentPresence(host: host)
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.presenceFromClient, .validate, validate)
        registrar.on(Hooks.presenceFromClient, .deliver, fromClient)
        registrar.on(Hooks.presenceToAccount, .deliver, toAccount)
        registrar.on(Hooks.sessionEnded, .deliver) { event in
            becameUnavailable(event.session, stanza: nil)
            return .go
        }
        registrar.on(Hooks.rosterChanged, .deliver) { event in
            subscriptionChanged(event.change, of: event.account)
            return .go
        }
        registrar.on(Hooks.componentConnected, .deliver) { event in
            components.connected(event)
            return .go
        }
        subscriptions.register(&registrar)
    }

    // MARK: From the client

    @Sendable private func validate(_ event: inout StanzaContext) -> Verdict {
        let presence = event.stanza.element
        if let show = Self.value("show", presence), !["away", "chat", "dnd", "xa"].contains(show) {
            return .bounce(.badRequest)
        }
        if let priority = Self.value("priority", presence), Int8(priority) == nil { return .bounce(.badRequest) }
        return .go
    }

    /// The text of a child, without surrounding white space (XML Schema's `collapse`); empty counts as absent.
    private static func value(_ name: StaticString, _ presence: Element) -> Substring? {
        guard let text = presence.child(name, .client)?.text else { return nil }
        let isBlank = { (character: Character) in character.isWhitespace }
        let start = text.drop(while: isBlank)
        let value = start.prefix(start.count - start.reversed().prefix(while: isBlank).count)
        return value.isEmpty ? nil : value
    }

    @Sendable private func fromClient(_ event: inout StanzaContext) -> Verdict {
        guard let session = event.session else { return .go }
        if settings.unknownDomain == .ignore, let to = event.to, event.stanza.type?.subscription == nil,
            !host.router.hosts.serves(to)
        {
            return .handled
        }
        switch (event.stanza.type, event.to) {
        case (.available, nil):
            available(session, event.stanza)
        case (.unavailable, nil):
            becameUnavailable(session, stanza: event.stanza)
        case (.available, let to?):
            directed.sent(by: session, to: to)
            return .go
        case (.unavailable, let to?):
            directed.takenBack(by: session, from: to)
            return .go
        case (.probe, .some):
            // §4.3: clients may send probes, though they need not.
            return settings.probes == .answer ? .go : .handled
        case (.error, _):
            return .go
        default:
            return subscriptions.fromClient(&event, session)
        }
        return .handled
    }

    private func available(_ session: ClientSession, _ stanza: Stanza) {
        let isInitial = !session.isAvailable
        let tookMessages = (session.priority ?? -1) >= 0
        let priority = Self.value("priority", stanza.element).flatMap { Int($0) } ?? 0
        session.announce(stanza.element.detached(), priority: priority)
        broadcast(stanza, from: session)
        components.announced(stanza, by: session, isChange: !isInitial)
        if isInitial {
            sendContactsPresence(to: session)
            subscriptions.sendInvitations(to: session)
        }
        if priority >= 0, !tookMessages {
            var event = SessionEvent(session: session, host: host)
            host.fire(Self.becameAvailable, &event)
        }
    }

    /// §4.2.2, §4.4.2: to all subscribed contacts, and to all own sessions, including the sender.
    private func broadcast(_ stanza: Stanza, from session: ClientSession) {
        let record = session.record
        var contacts = record.withRoster { $0.contacts(where: \.hasFrom) }
        // Most accounts block nobody, which is checked once instead of for each contact.
        if !record[Blocking.list].isEmpty { contacts.removeAll(where: record.blocks) }
        host.router.route(stanza, from: session.jid, toAll: contacts, host: host)
        for other in record.sessions where other.isAvailable || other === session {
            Self.send(stanza, from: session, to: other)
        }
    }

    private static func send(_ stanza: Stanza, from session: ClientSession, to other: ClientSession) {
        other.send(.presence) {
            $0.stanza(stanza.element, from: session.jid.string, to: other.record.jid.string, lang: nil)
        }
    }

    /// Sends a newly available session the presence of the account's other sessions and of online contacts.
    private func sendContactsPresence(to session: ClientSession) {
        let others = session.record.sessions.filter { $0 !== session }
        Self.sendPresence(
            of: others, thenOf: session.record.withRoster { $0.contacts(where: \.hasTo) }, to: session, host.router)
    }

    /// When an administrator changes a subscription, the presence follows at once, after the roster push. It bypasses
    /// the hooks, as the rosters may no longer contain each other.
    private func subscriptionChanged(_ change: RosterChange, of account: AccountRecord) {
        let isSeen = change.item?.state.hasTo ?? false
        guard isSeen != (change.former?.state.hasTo ?? false),
            let contact = host.router.hosts.cachedAccount(change.jid)
        else { return }
        for session in contact.sessions {
            guard let presence = session.presence.flatMap(Stanza.init),
                let stanza = isSeen ? presence : host.presence(type: .unavailable, from: session.jid, to: account.jid)
            else { continue }
            for other in account.sessions where other.isAvailable { Self.send(stanza, from: session, to: other) }
        }
    }

    /// Sends an account's sessions the present presence of contacts that it is subscribed to.
    static func showPresence(of contacts: [JID], to record: AccountRecord, _ router: StanzaRouter) {
        for session in record.sessions where session.isAvailable {
            session.onLoop { sendPresence(of: [], thenOf: contacts, to: session, router) }
        }
    }

    /// Sends the presence of sessions, then of contacts' sessions, to a session while it is available. On the session's
    /// loop.
    private static func sendPresence(
        of first: [ClientSession], thenOf contacts: [JID], to session: ClientSession, _ router: StanzaRouter
    ) {
        var others = first[...]
        var contacts = contacts[...]
        guard !others.isEmpty || !contacts.isEmpty else { return }
        session.output.sendBatch {
            while session.isAvailable {
                if let other = others.popFirst() {
                    guard let presence = other.presence.flatMap(Stanza.init) else { continue }
                    send(presence, from: other, to: session)
                    return true
                }
                guard let contact = contacts.popFirst() else { break }
                others = sessions(of: contact, shownTo: session, router)[...]
            }
            return false
        }
    }

    private static func sessions(
        of contact: JID, shownTo session: ClientSession, _ router: StanzaRouter
    ) -> [ClientSession] {
        guard !session.record.blocks(contact) else { return [] }
        switch router.hosts.recipient(of: contact) {
        case .account, .host, .unknown: break
        case .service, .remote:
            if let probe = session.host.presence(type: .probe, from: session.jid, to: contact) {
                router.route(probe, from: session.jid, to: contact, host: session.host)
            }
            return []
        }
        guard let record = router.hosts.cachedAccount(contact), !record.blocks(session.jid) else { return [] }
        return record.sessions
    }

    /// Sends unavailable presence to all who received the session's presence, including directed presence (§4.6.3): the
    /// client's stanza, or one of ours if it has vanished.
    private func becameUnavailable(_ session: ClientSession, stanza: Stanza?) {
        let wasAvailable = session.isAvailable
        let addresses = directed.forget(session)
        if wasAvailable {
            var event = Unavailable(session: session, presence: stanza?.element)
            host.fire(Self.becameUnavailable, &event)
        }
        guard wasAvailable || !addresses.isEmpty,
            let stanza = stanza ?? host.presence(type: .unavailable, from: session.jid, to: session.record.jid)
        else { return }
        if wasAvailable {
            session.announce(nil, priority: 0)
            takeBack(stanza, from: session)
        }
        for address in addresses
        where !wasAvailable || !session.record.withRoster({ $0.showsPresence(to: address) }) {
            host.router.route(stanza, from: session.jid, to: address, host: host)
        }
    }

    /// Broadcasts that a session is unavailable, unless another available session has the same resource by now. A
    /// replaced session ends after its successor has begun.
    private func takeBack(_ stanza: Stanza, from session: ClientSession) {
        let successor = session.record.sessions.first { $0 !== session && $0.jid == session.jid }
        guard successor?.isAvailable != true else { return }
        broadcast(stanza, from: session)
        components.announced(stanza, by: session, isChange: false)
        // Its client may have sent presence at this moment, and been overtaken.
        guard let successor, let presence = successor.presence.flatMap(Stanza.init) else { return }
        successor.onLoop {
            broadcast(presence, from: successor)
            components.announced(presence, by: successor, isChange: false)
        }
    }

    // MARK: To the account

    @Sendable private func toAccount(_ event: inout StanzaContext) -> Verdict {
        guard let account = event.account else { return .handled }
        switch event.stanza.type {
        case .available, .unavailable:
            if settings.refusesStrangers, !event.from.isSameBare(as: account.jid), !isContact(event.from, of: account) {
                return .handled
            }
            components.received(event.stanza, from: event.from, by: account)
            deliver(event, account)
        case .error:
            deliver(event, account)
        case .probe:
            answerProbe(by: event.from, account, isServers: event.facts.contains(.fromServer))
        case .unknown:
            break
        default:
            return subscriptions.toAccount(&event, account)
        }
        return .handled
    }

    /// §4.3.2: sends the presence to those who may see it. Others at services may have an outdated subscription and are
    /// told so; local askers know their state and get no answer.
    ///
    /// - Parameter isServers: whether a server asks, for the session of that address.
    private func answerProbe(by asker: JID, _ account: AccountRecord, isServers: Bool) {
        if asker.isSameBare(as: account.jid) || account.withRoster({ $0.showsPresence(to: asker) }) {
            host.sendPresence(of: account, to: asker, isServers ? .answersServer : [])
        } else if case .service = host.router.hosts.recipient(of: asker) {
            host.send(.unsubscribed, from: account.jid, to: asker.bare)
        }
    }

    /// Whether there is a subscription in either direction, or was until this stanza.
    private func isContact(_ jid: JID, of account: AccountRecord) -> Bool {
        guard let state = account.rosterItem(jid)?.state else { return false }
        return state.hasTo || state.hasFrom
    }

    private func deliver(_ event: StanzaContext, _ account: AccountRecord) {
        if event.facts.contains(.answersServer) {
            guard let session = event.to?.resource.flatMap(account.session) else { return }
            var event = event
            event.readdress(to: account.jid)
            return host.router.send(event, to: session)
        }
        for session in account.sessions {
            if let to = event.to, to.isFull, session.jid != to { continue }
            if event.to?.isFull == true || session.isAvailable {
                host.router.send(event, to: session)
            }
        }
    }
}

/// The addresses that each session sent directed presence to, RFC 6121 §4.6, for its end.
private final class DirectedPresence: Sendable {
    /// Beyond it the oldest addresses are forgotten, to bound memory; they are not told of the end.
    private static let maximum = 500

    private let addresses = Mutex<[JID: [JID]]>([:])

    func sent(by session: ClientSession, to address: JID) {
        addresses.withLock { addresses in
            var list = addresses[session.jid, default: []]
            guard !list.contains(address) else { return }
            if list.count >= Self.maximum { list.removeFirst() }
            list.append(address)
            addresses[session.jid] = list
        }
    }

    func takenBack(by session: ClientSession, from address: JID) {
        addresses.withLock { $0[session.jid]?.removeAll { $0 == address } }
    }

    func forget(_ session: ClientSession) -> [JID] {
        addresses.withLock { $0.removeValue(forKey: session.jid) ?? [] }
    }
}
