import XMPPServer

/// XEP-0045: Multi-User Chat: rooms at an address of their own, in which many people talk.
struct Rooms: ServerModule {
    static let info = ModuleInfo(
        "rooms",
        implements: [
            .xep(45, "1.35.5"), .xep(249, "1.2"), .xep(317, "0.3.1"), .xep(410, "1.1.0"), .xep(421, "1.0.1"),
            .xep(425, "0.3.0"),
            .xep(433, "0.1.0"), .xep(437, "0.2.0"), .xep(486, "0.1.0"), .xep(500, "0.1.1"), .xep(502, "0.1.0"),
        ],
        requires: ["disco"], summary: "People talk in rooms.",
        commands: CommandSet("room", "Lists, shows, creates, changes and destroys rooms, and says who is what there."))

    static let personalData = RoomStore.personalData

    /// Who may make rooms.
    enum Creators: String, CaseIterable, Sendable {
        case people
        case administrators
    }

    struct Settings: ModuleSettings {
        let domain: String?
        let creators: Creators
        let roomsPerOwner: Int
        let occupants: Int
        let affiliations: Int
        let subjectBytes: Int
        let messagesPerSecond: Int
        let changesPerMinute: Int
        let invitationsPerHour: Int
        let history: Int
        /// How a new room is configured.
        let template: RoomConfiguration
        /// Empty: nobody reads archives.
        let archiveFeatures: [Namespace]
        let retention: ArchiveRetention.Settings

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            domain = section.optionalString("domain", "The service's domain; without it `conference.` and the host's.")
            creators = section.choice(
                "creators", default: .people,
                "Who may make rooms: all `people` of the host, or `administrators` alone.")
            roomsPerOwner = section.integer(
                "rooms-per-owner", default: 100, in: 1...100_000, "How many rooms somebody may own who makes another.")
            occupants = section.integer(
                "occupants", default: 1000, in: 1...100_000, "How many sessions may be in a room.")
            affiliations = section.integer(
                "affiliations", default: 10_000, in: 1...1_000_000,
                "How many people may have something to do with a room: be banned, members, admins or owners.")
            subjectBytes = section.byteCount(
                "subject", default: 4 << 10, in: 64...1 << 20, "How long a subject may be.")
            messagesPerSecond = section.integer(
                "messages-per-second", default: 20, in: 0...100_000,
                "How many messages somebody may send to rooms in a second; 0: any number.")
            changesPerMinute = section.integer(
                "changes-per-minute", default: 600, in: 0...1_000_000,
                "How often somebody may enter rooms and change their presence there in a minute; 0: any number.")
            invitationsPerHour = section.integer(
                "invitations-per-hour", default: 100, in: 0...100_000,
                "How many people somebody may invite by way of rooms in an hour; 0: any number.")
            history = section.integer(
                "history", default: 20, in: 0...1000, "How many messages are shown at most to those who enter.")
            template = Self.template(section)
            let isSearched = profile.offers(ArchiveFullText.info.name)
            archiveFeatures =
                profile.offers(ArchiveManagement.info.name)
                ? ArchiveManagement.features + (isSearched ? [ArchiveFullText.namespace] : []) : []
            retention = ArchiveRetention.Settings(section, of: "a room")
        }

        private static func template(_ section: ConfigSection) -> RoomConfiguration {
            let key = "new-rooms"
            let lines = section.strings(
                key, default: [],
                "How new rooms are configured at first: fields of the owner's form, such as `membersonly=true`.")
            var configuration = RoomConfiguration.initial
            for line in lines {
                do throws(StanzaError) {
                    let others = try configuration.apply(
                        DataForm(fields: [RoomConfiguration.field(line)]), maximum: .max)
                    guard others.isEmpty else { throw .notAcceptable }
                } catch {
                    section.fail(
                        key, item: line, "\"\(line)\" configures no room",
                        fix: "write fields of a room's form such as `persistentroom=true`")
                }
            }
            return configuration
        }
    }

    private let host: Host
    private let settings: Settings
    /// nil: its domain is none.
    let service: RoomService?

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        let domain = JID(local: nil, domain: settings.domain ?? "conference.\(host.domain)", resource: nil)
        service = domain.map { RoomService($0, settings, host: host) }
    }

    func register(_ registrar: inout Registrar) {
        registrar.service("conference", at: settings.domain, name: "Rooms") { declared in
            // Without a domain the declaration is refused.
            guard let service else { return }
            declared.identity(category: "conference", type: "text", name: "Rooms")
            let discovery = RoomDiscovery(service: service)
            for feature in discovery.features { declared.feature(feature) }
            declared.feature(RoomSearch.namespace)
            declared.feature(ActivityNotices.namespace)
            RoomSearch(service: service).register(&declared)
            if !settings.archiveFeatures.isEmpty { RoomArchive(service: service).register(&declared) }
            declared.iq(.set, "moderate", .moderation, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.moderate(request, $1) }
            }
            declared.iq(.set, "command", .commands, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.hats(request, $1) }
            }
            declared.iq(.get, "vCard", .vCard, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $1($0.card(for: request.from)) }
            }
            declared.iq(.set, "vCard", .vCard, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.setCard(request.payload, by: request.from, $1) }
            }
            declared.on(Hooks.presenceToService, .deliver) { receive(presence: $0, service) }
            declared.on(Hooks.messageToService, .deliver) { receive(message: $0, service) }
            discovery.register(&declared)
            declared.on(Hooks.iqToService, .deliver) { receive(iq: $0, service) }
            declared.iq(.get, "ping", Ping.namespace, to: .session, needs: .chat) { request in
                guard let place = request.to else { return .pass }
                return service.ask(place.bare) { room, answer in
                    switch room.isThere(request.from, at: place) {
                    case .success: answer(.ok)
                    case .failure(let error): answer(.error(error))
                    case nil: answer(.pass)
                    }
                }
            }
            declared.iq(.get, "query", .registration, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $1($0.registrationForm(for: request.from)) }
            }
            declared.iq(.set, "query", .registration, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.register(request.payload, by: request.from, $1) }
            }
            declared.iq(.get, "query", .roomOwner, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $1($0.configurationForm(for: request.from)) }
            }
            declared.iq(.set, "query", .roomOwner, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.configure(request.payload, by: request.from, $1) }
            }
            declared.iq(.get, "query", .roomAdmin, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $1($0.list(request.payload, for: request.from)) }
            }
            declared.iq(.set, "query", .roomAdmin, to: .account, needs: .chat) { request in
                service.ask(request.owner) { $0.administer(request.payload, by: request.from, $1) }
            }
        }
        if let service {
            for command in RoomCommands(service: service).commands { registrar.command(command) }
            let retention = ArchiveRetention(host, of: service.domain.domain, settings.retention)
            if retention.isLimited { registrar.job(every: .seconds(60)) { await retention.run() } }
            registrar.job(every: .seconds(60)) { await service.retention.run() }
        }
        registrar.on(Hooks.accountRemoved, .deliver) { [service] event in
            // What was stored of them is gone.
            let person = event.account.jid
            service?.directory.forEach { $0.forget(person) }
            return .go
        }
    }

    /// An error for presence says that it is a room's, §7.2.17: that is how clients know that they are not let in.
    @Sendable private static func refusal(_ error: StanzaError) -> StanzaError {
        var error = error
        error.companion = StanzaError.Detail("x", .rooms)
        return error
    }

    private func receive(presence event: StanzaContext, _ service: RoomService) -> Verdict {
        guard let to = event.to, to.hasLocal else { return receive(own: event, service) }
        return receive(presence: event, of: to, service).telling(Self.refusal)
    }

    private func receive(presence event: StanzaContext, of to: JID, _ service: RoomService) -> Verdict {
        switch event.stanza.type {
        case .available:
            // §7.2.1: there is no nickname.
            guard to.isFull else { return .bounce(.jidMalformed) }
            guard service.takesChange(of: event.from) else { return .bounce(.resourceConstraint) }
            let entry = event.stanza.element.child("x", .rooms)
            return service.take(at: to.bare) { $0.received(event, at: to, entry, $1, $2) }
        case .unavailable:
            return service.take(at: to.bare) { $0.leaves(event, $1, $2) }
        case .error:
            return service.take(at: to.bare) { room, changes, done in
                room.bounced(event.stanza, at: event.from)
                room.commit(changes, then: done)
            }
        default:
            return .handled
        }
    }

    /// Presence to the service itself.
    private func receive(own event: StanzaContext, _ service: RoomService) -> Verdict {
        switch event.stanza.type {
        case .available:
            guard event.stanza.element.hasChild("rai", ActivityNotices.namespace) else { return .go }
            guard service.takesChange(of: event.from) else { return .bounce(StanzaError(.resourceConstraint)) }
            return service.notices.begin(event.from, service.store).map { .bounce($0) } ?? .handled
        case .unavailable, .error:
            service.notices.end(event.from)
            return .handled
        default:
            return .handled
        }
    }

    private func receive(message event: StanzaContext, _ service: RoomService) -> Verdict {
        guard let to = event.to, to.hasLocal else { return .go }
        switch event.stanza.type {
        case .error:
            return service.take(at: to.bare) { room, changes, done in
                room.bounced(event.stanza, at: event.from)
                room.commit(changes, then: done)
            }
        case .groupchat:
            guard to.isBare else { return .bounce(.badRequest) }
            guard service.takesMessage(of: event.from) else { return .bounce(.resourceConstraint) }
            return service.take(at: to) { $0.says(event, $1, $2) }
        default:
            guard to.isBare else {
                guard service.takesMessage(of: event.from) else { return .bounce(.resourceConstraint) }
                return service.settle(to.bare) { $1($0.whispers(event, to: to)) }
            }
            return receive(toRoom: event, to, service)
        }
    }

    /// What is for the room itself.
    private func receive(toRoom event: StanzaContext, _ room: JID, _ service: RoomService) -> Verdict {
        let message = event.stanza.element
        if let element = message.child("x", .roomUser) {
            if let decline = element.child("decline", .roomUser) {
                return service.settle(room) { $1($0.declines(decline, by: event.from)) }
            }
            if element.hasChild("invite", .roomUser) {
                return service.settle(room) { $0.invites(element, by: event.from, $1) }
            }
        }
        guard let element = message.child("x", .dataForms) else { return .bounce(.badRequest) }
        do throws(StanzaError) {
            let form = try DataForm(element)
            switch form.type {
            case Room.voiceForm: return service.settle(room) { $0.decides(form, by: event.from, $1) }
            case Room.registrationForm.name: return service.settle(room) { $0.admits(form, by: event.from, $1) }
            default: throw .badRequest
            }
        } catch {
            return .bounce(error)
        }
    }

    /// Requests to occupants, and answers to those.
    private func receive(iq event: StanzaContext, _ service: RoomService) -> Verdict {
        guard let to = event.to, to.hasLocal, to.isFull else { return .go }
        switch event.stanza.type {
        case .get, .set:
            return service.settle(to.bare) { $1($0.relays(event, to: to)) }
        default:
            service.directory.post(to: to.bare, of: service) { result in
                if case .success(let room) = result { room.answered(event.stanza, from: event.from) }
            }
            return .handled
        }
    }
}
