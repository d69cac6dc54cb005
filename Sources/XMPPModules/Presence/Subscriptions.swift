import NIOCore
import XMPPServer

/// RFC 6121 §3: presence subscriptions. `SubscriptionState` has the states and transitions; this routes the stanzas and
/// updates both rosters.
struct Subscriptions: Sendable {
    struct Settings: Sendable, Equatable {
        let mayEnd: Bool
        let isMutual: Bool
        let approvesAhead: Bool
        let resolvesAccountIDs: Bool
        let perHour: Int

        init(_ section: ConfigSection) {
            mayEnd = section.boolean(
                "may-unsubscribe", default: true, "Whether clients may end subscriptions that exist.")
            isMutual = section.boolean(
                "mutual", default: false, "Whether accepting an invitation makes contacts of both sides.")
            approvesAhead = section.boolean(
                "pre-approval", default: true, "Whether clients may say yes before they are asked, RFC 6121 §3.4.")
            resolvesAccountIDs = section.boolean(
                "account-ids", default: false, "Whether people can be invited by their account id.")
            perHour = section.integer(
                "invitations-per-hour", default: 250, in: 0...100_000,
                "Invitations that an account may send in an hour, and answers to ones that have not come; 0: any number."
            )
        }
    }

    let host: Host
    private let settings: Settings
    private let limit: AttemptLimit<JID>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        limit = AttemptLimit(limit: settings.perHour, within: .seconds(3600))
    }

    func register(_ registrar: inout Registrar) {
        if settings.approvesAhead {
            registrar.streamFeature(.authenticated) { $0.element("sub", .preApproval) }
        }
        registrar.on(Presence.inviting, .block) { [host, limit] event in
            let account = event.session.record.jid
            guard limit.take(account, at: host.uptime()) != nil else {
                return .bounce(StanzaError(.resourceConstraint))
            }
            return .go
        }
        registrar.on(Hooks.invitationAnswered, .deliver) { event in
            let type: SubscriptionType = event.accepts ? .subscribed : .unsubscribed
            if let answer = host.presence(type: type.stanzaType, from: event.account.jid, to: event.contact) {
                if let error = send(type, answer, of: event.account, to: event.contact) {
                    return .bounce(error)
                }
            }
            return .go
        }
        guard settings.resolvesAccountIDs else { return }
        registrar.on(Hooks.presenceFromClient, .rewrite) { event in
            guard event.stanza.type == .subscribe, let to = event.to, !host.router.hosts.serves(to),
                let session = event.session
            else { return .go }
            return .wait { await inviteByAccountID(to.bare, session) }
        }
    }

    private func inviteByAccountID(_ accountID: JID, _ session: ClientSession) async -> Verdict {
        guard case .success(let account?) = await host.resolve(accountID: accountID.string),
            !account.isSameBare(as: session.jid)
        else { return .handled }
        if let error = host.mayInvite(session) { return .bounce(error) }
        return host.invite(account, of: session.record).map { .bounce($0) } ?? .handled
    }

    // MARK: From the client

    /// Outbound processing, appendix A.2.
    func fromClient(_ event: inout StanzaContext, _ session: ClientSession) -> Verdict {
        guard let type = event.stanza.type?.subscription, let to = event.to?.bare else { return .bounce(.badRequest) }
        guard !to.isSameBare(as: session.jid) else { return .handled }
        let record = session.record
        let state = record.rosterItem(to)?.state ?? .none
        if !settings.mayEnd, endsSubscription(type, state) { return .bounce(.notAllowed) }
        // §3.4: pre-approval.
        let isAhead = type == .subscribed && settings.approvesAhead && !state.hasPendingIn && !state.hasFrom
        if type == .subscribe || isAhead, let error = host.mayInvite(session) { return .bounce(error) }
        guard let stanza = Stanza(event.stanza.element) else { return .handled }
        // One error, whichever of the two rosters cannot be stored.
        event.beginTransaction()
        return send(type, stanza, of: record, to: to, causedBy: event).map { .bounce($0) } ?? .handled
    }

    /// - Parameter cause: the client's stanza; nil: no client has sent one.
    /// - Returns: why nothing was changed and sent; nil: it was.
    private func send(
        _ type: SubscriptionType, _ stanza: Stanza, of record: AccountRecord, to: JID,
        causedBy cause: StanzaContext? = nil
    ) -> StanzaError? {
        let state = record.rosterItem(to)?.state ?? .none
        let outbound = state.outbound(type)
        let stored = cause?.join()
        do throws(RosterBounds.Exceeded) {
            let change = try record.updateRoster(to, within: host.rosterBounds, then: stored) { item in
                var item = item ?? RosterItem(jid: to)
                item.state = (item.state).outbound(type).newState
                switch type {
                case .subscribe:
                    item.isListed = true
                case .subscribed:
                    if settings.isMutual, state.hasPendingIn { item.state = .both }
                    if settings.approvesAhead, !state.hasPendingIn, !state.hasFrom { item.isApproved = true }
                    if settings.approvesAhead || state.hasPendingIn { item.isListed = true }
                case .unsubscribed:
                    item.isApproved = false
                case .unsubscribe:
                    break
                }
                return item.settled
            }
            host.pushRoster(change, of: record)
        } catch {
            stored?(.success(()))
            return .policyViolation
        }
        guard outbound.routes else { return nil }
        if type == .unsubscribed, state.hasFrom { host.sendUnavailable(of: record, to: to) }
        host.router.route(
            type == .subscribe ? host.asking(stanza, of: record, to: to) : stanza, from: record.jid, to: to, host: host,
            causedBy: cause)
        if type == .subscribed { host.sendPresence(of: record, to: to) }
        return nil
    }

    /// Whether the stanza ends an existing subscription; declining a request does not.
    private func endsSubscription(_ type: SubscriptionType, _ state: SubscriptionState) -> Bool {
        switch type {
        case .unsubscribe: state.hasTo || state.asks || state.hasFrom
        case .unsubscribed: !state.hasPendingIn && (state.hasFrom || state.hasTo || state.asks)
        case .subscribe, .subscribed: false
        }
    }

    // MARK: To the account

    /// Inbound processing, appendix A.3.
    func toAccount(_ event: inout StanzaContext, _ account: AccountRecord) -> Verdict {
        guard let type = event.stanza.type?.subscription else { return .handled }
        let from = event.from.bare
        let state = account.rosterItem(from)?.state ?? .none
        let isApproved = account.rosterItem(from)?.isApproved ?? false
        if type == .subscribe, let error = host.fire(Presence.invitation, &event) { return .bounce(error) }
        if type == .subscribe, isApproved, !state.hasFrom {
            return acceptAtOnce(from, account, event.join())
        }
        let inbound = state.inbound(type)
        if type == .subscribe, !state.hasPendingIn, Self.hasManyInvitations(account) {
            // Available sessions see it; for others the next request is stored when some have been answered.
            if inbound.delivers { deliver(event, account, onlyToInterested: false) }
            return .handled
        }
        let invitation = type == .subscribe ? Self.stored(event) : nil
        let change = account.updateRoster(from, then: event.join()) { item in
            if item == nil, type != .subscribe { return nil }
            var item = item ?? RosterItem(jid: from)
            item.state = item.state.inbound(type).newState
            if settings.isMutual, type == .subscribed, state.asks { item.state = .both }
            item.invitation = item.state.hasPendingIn ? invitation ?? item.invitation : nil
            return item.settled
        }
        if inbound.delivers { deliver(event, account, onlyToInterested: type != .subscribe) }
        host.pushRoster(change, of: account)
        if let reply = inbound.autoReply { answer(reply, from, account) }
        if settings.isMutual, type == .subscribed, state.asks { host.sendPresence(of: account, to: from) }
        if type == .unsubscribe, state.hasFrom { host.sendUnavailable(of: account, to: from) }
        return .handled
    }

    /// §3.4.2: the account has pre-approved the subscription.
    private func acceptAtOnce(
        _ from: JID, _ account: AccountRecord, _ stored: @escaping @Sendable (Result<Void, StorageError>) -> Void
    ) -> Verdict {
        let change = account.updateRoster(from, then: stored) { item in
            guard var item else { return nil }
            item.state = item.state.inbound(.subscribe).newState.outbound(.subscribed).newState
            item.isApproved = false
            return item
        }
        host.pushRoster(change, of: account)
        answer(.subscribed, from, account)
        return .handled
    }

    private func answer(_ reply: SubscriptionType, _ contact: JID, _ account: AccountRecord) {
        host.send(reply, from: account.jid, to: contact)
        if reply == .subscribed { host.sendPresence(of: account, to: contact) }
    }

    private func deliver(_ event: StanzaContext, _ account: AccountRecord, onlyToInterested: Bool) {
        for session in account.sessions where session.isAvailable {
            if !onlyToInterested || session.has(Rosters.wantsRoster) {
                host.router.send(event, to: session)
            }
        }
    }

    // MARK: Invitations

    /// The maximum number of stored requests of an account, and their maximum size.
    private static let maximumInvitations = 1_000
    private static let maximumInvitationBytes = 8 << 10
    private static let maximumIDBytes = 256

    private static func hasManyInvitations(_ account: AccountRecord) -> Bool {
        account.withRoster { roster in
            roster.items.lazy.filter { $0.state.hasPendingIn }.prefix(maximumInvitations).count == maximumInvitations
        }
    }

    /// A request as stored: its sender and text, up to a maximum size.
    private static func stored(_ event: StanzaContext) -> [UInt8] {
        let stanza = event.stanza.element
        var texts: [ByteBuffer] = []
        var byteCount = 0
        for child in stanza.children where child.isNamed("status", .client) || child.isNamed("nick", .nick) {
            guard child.bytes.readableBytes <= maximumInvitationBytes - byteCount else { continue }
            var writer = XMLWriter(contentNamespace: .client)
            if child.isIn(.nick) {
                writer.element("nick", .nick, text: child.text)
            } else {
                writer.start("status", .client)
                writer.lang(child.attribute("lang", .xml))
                writer.text(child.text)
                writer.end()
            }
            let text = writer.finish()
            guard text.readableBytes <= maximumInvitationBytes - byteCount else { continue }
            byteCount += text.readableBytes
            texts.append(text)
        }
        var writer = XMLWriter(contentNamespace: .none)
        writer.start("presence", .client)
        writer.attribute("type", "subscribe" as StaticString)
        if let id = stanza["id"], id.utf8.count <= maximumIDBytes { writer.attribute("id", id) }
        for text in texts { writer.raw(text) }
        writer.end()
        return Array(writer.finish().readableBytesView)
    }

    /// §3.1.3: a request is sent to every new session until it is answered.
    func sendInvitations(to session: ClientSession) {
        let pending = session.record.withRoster { $0.items.filter(\.state.hasPendingIn) }
        var items = pending.sorted { $0.jid.string < $1.jid.string }[...]
        guard !items.isEmpty else { return }
        session.output.sendBatch {
            guard session.isAvailable, let item = items.popFirst() else { return false }
            let stored = item.invitation.flatMap { host.element(fromOwn: $0, "an invitation") }
            guard let invitation = stored.flatMap(Stanza.init) else { return true }
            session.send(.presence) {
                $0.stanza(invitation.element, from: item.jid.string, to: session.record.jid.string, lang: nil)
            }
            return true
        }
    }
}

extension RosterItem {
    /// The item to store; nil if nothing is left of it.
    var settled: RosterItem? {
        var item = self
        if state.hasTo || state.hasFrom || state.asks { item.isListed = true }
        return item.isListed || item.isApproved || item.state != .none ? item : nil
    }
}
