import XMPPServer

/// RFC 6121 §2: rosters.
///
/// Settings decide which changes clients may make; a profile can allow additions only. Left out: results with only the
/// items changed since a version; a client with an old version gets the whole roster.
struct Rosters: ServerModule {
    static let info = ModuleInfo(
        "roster", implements: [.rfc(6121, "§2"), .xep(237, "1.3")], summary: "The contact list.")

    /// A change that a client may make.
    enum Verb: String, CaseIterable, Sendable {
        /// Add a contact.
        case add
        /// Change a contact's name or groups.
        case update
        /// Remove a contact.
        case remove
    }

    /// Set on sessions that asked for the roster, and get pushes.
    static let wantsRoster = ClientSession.Flag("wants roster")
    /// Set on those whose host has roster versions: their pushes carry them.
    static let hasRosterVersions = ClientSession.Flag("has roster versions")

    struct Settings: ModuleSettings {
        let verbs: Set<Verb>
        let bounds: RosterBounds
        let hasVersions: Bool
        let resolvesAccountIDs: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            verbs = Set(
                section.choices("verbs", default: Verb.allCases, "What clients may do to the items of their roster."))
            bounds = RosterBounds(
                contacts: section.integer(
                    "maximum-items", default: 10_000, in: 1...1_000_000, "How many contacts an account may have."),
                bytes: section.byteCount(
                    "maximum-size", default: 2 * 1024 * 1024, in: 1024...64 * 1024 * 1024,
                    "How much all contacts may take together, with their names and groups."))
            hasVersions = section.boolean(
                "versions", default: true, "Whether clients that have the list already are told so, RFC 6121 §2.6.")
            resolvesAccountIDs = section.boolean(
                "account-ids", default: false,
                "Whether contacts can be added by their account id in place of their address.")
        }
    }

    let host: Host
    let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        if settings.hasVersions { registrar.streamFeature(.authenticated) { $0.element("ver", .rosterVersioning) } }
        registrar.rosterBounds(settings.bounds)
        registrar.accountIQ(.get, "query", .roster, to: .ownAccount, needs: .chat, get)
        registrar.accountIQ(.set, "query", .roster, to: .ownAccount, needs: .changeContacts, set)
        registrar.iq(.get, "query", .roster, to: .account, needs: .chat) { request in
            inOwnersName(request, else: .pass) { list(request.payload, of: $0) }
        }
        // §2.3.3: other accounts' rosters cannot be set.
        registrar.iq(.set, "query", .roster, to: .account, needs: .chat) { request in
            inOwnersName(request, else: .error(.forbidden)) { set(request.payload, of: $0, by: nil) }
        }
        registrar.on(Hooks.rosterChanged, .deliver) { event in
            host.pushRoster(event.change, of: event.account)
            return .go
        }
    }

    @Sendable private func get(_ request: AccountRequest) -> Reply {
        request.session?.set(Self.wantsRoster, true)
        request.session?.set(Self.hasRosterVersions, settings.hasVersions)
        return list(request.payload, of: request.record)
    }

    private func list(_ payload: Element, of record: AccountRecord) -> Reply {
        let asked = settings.hasVersions ? payload["ver"] : nil
        let (items, version) = record.withRoster { (Array($0.items), $0.version) }
        // §2.6.3: the client's version is current.
        if asked == version { return .ok }
        return .result { writer in
            writer.start("query", .roster)
            if asked != nil { writer.attribute("ver", version) }
            for item in items where item.isShown { item.write(to: &writer) }
            writer.end()
        }
    }

    /// Answers a component with the privilege for all accounts' rosters.
    ///
    /// - Parameter answer: the answer for others.
    private func inOwnersName(
        _ request: IQRequest, else answer: Reply, _ body: @escaping @Sendable (AccountRecord) -> Reply
    ) -> Reply {
        guard let privileges = request.privileges else { return answer }
        guard privileges.roster.allows(request.kind) else { return .error(.forbidden) }
        if let record = host.accounts.cached(request.owner) { return body(record) }
        return .async { [host] in
            switch await host.find(request.owner) {
            case .success(let record?): body(record)
            case .success(nil): .error(.itemNotFound)
            case .failure(let error): .error(error)
            }
        }
    }

    // MARK: Set, §2.3–§2.5

    @Sendable private func set(_ request: AccountRequest) -> Reply {
        set(request.payload, of: request.record, by: request.session)
    }

    /// - Parameter session: nil: the change comes from no client of the account.
    private func set(_ payload: Element, of record: AccountRecord, by session: ClientSession?) -> Reply {
        let items = payload.children.filter { $0.isNamed("item", .roster) }
        guard items.count == 1, let item = items.first, let address = item["jid"] else { return .error(.badRequest) }
        guard let jid = JID(address)?.bare else { return .error(.jidMalformed) }
        guard !jid.isSameBare(as: record.jid) else { return .error(.notAllowed) }
        if item.attribute("subscription", equals: "remove") {
            return remove(jid, of: record)
        }
        let groups = item.children.filter { $0.isNamed("group", .roster) }.map(\.text)
        guard Set(groups).count == groups.count else { return .error(.badRequest) }
        let name = item["name"]
        guard !groups.contains(""), groups.count <= Self.maximumGroups,
            (groups + [name ?? ""]).allSatisfy({ $0.utf8.count <= Self.maximumNameSize }),
            groups.reduce(0, { $0 + $1.utf8.count }) <= Self.maximumGroupsSize
        else { return .error(.notAcceptable) }
        let wanted = Wanted(jid: jid, name: name, groups: groups)
        if settings.resolvesAccountIDs, let session, !host.router.hosts.serves(jid) {
            return .async { await addByAccountID(wanted, session) }
        }
        return put(wanted, of: record)
    }

    /// §2.3.3: the maximum bytes of a name or group, number of groups, and bytes of all groups.
    private static let maximumNameSize = 1023
    private static let maximumGroups = 100
    private static let maximumGroupsSize = 8 * 1024

    /// The client's values for an item.
    private struct Wanted: Sendable {
        var jid: JID
        let name: String?
        let groups: [String]
    }

    private func put(_ wanted: Wanted, of record: AccountRecord) -> Reply {
        let present = record.rosterItem(wanted.jid)
        if let present, present.isShown {
            // Where contacts cannot be changed, what the client leaves out counts as unchanged.
            let isSame =
                (wanted.name == present.name || (wanted.name == nil && !settings.verbs.contains(.update)))
                && (Set(wanted.groups) == Set(present.groups)
                    || (wanted.groups.isEmpty && !settings.verbs.contains(.update)))
            if isSame { return .ok }
            guard settings.verbs.contains(.update) else { return .error(.notAllowed) }
        } else {
            guard settings.verbs.contains(.add) else { return .error(.notAllowed) }
        }
        return change(record, wanted.jid) { item in
            var item = item ?? RosterItem(jid: wanted.jid)
            item.name = wanted.name
            item.groups = wanted.groups
            item.isListed = true
            return item
        }
    }

    private func addByAccountID(_ wanted: Wanted, _ session: ClientSession) async -> Reply {
        switch await host.resolve(accountID: wanted.jid.string) {
        case .failure(let error):
            return .error(error)
        case .success(nil):
            return .error(.itemNotFound)
        case .success(let account?):
            let record = session.record
            guard !account.isSameBare(as: record.jid) else { return .error(.notAllowed) }
            var wanted = wanted
            wanted.jid = account
            let isContact = record.rosterItem(account)?.state.hasTo == true
            if !isContact, let error = host.mayInvite(session) { return .error(error) }
            let reply = put(wanted, of: record)
            if case .error = reply { return reply }
            if !isContact, let error = host.invite(account, of: record) { return .error(error) }
            return reply
        }
    }

    private func remove(_ jid: JID, of record: AccountRecord) -> Reply {
        guard settings.verbs.contains(.remove) else { return .error(.notAllowed) }
        guard let item = record.rosterItem(jid), item.isShown else { return .error(.itemNotFound) }
        host.endSubscriptions(of: record, with: item)
        return change(record, jid) { _ in nil }
    }

    /// Changes an item, pushes the change, and answers when it is durable.
    private func change(
        _ record: AccountRecord, _ jid: JID, _ body: (RosterItem?) -> RosterItem?
    ) -> Reply {
        let commit = Commit()
        do throws(RosterBounds.Exceeded) {
            let change = try record.updateRoster(jid, within: settings.bounds, then: commit.finish, body)
            host.pushRoster(change, of: record)
        } catch {
            return .error(.policyViolation)
        }
        return .async { [host] in
            do throws(StorageError) {
                try await commit.wait()
                return .ok
            } catch {
                return .error(host.report(error))
            }
        }
    }
}
