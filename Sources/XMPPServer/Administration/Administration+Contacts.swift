import XMPP

extension Administration {
    static let contactCommands = [
        Command(
            "contact-add", "Makes two accounts contacts of each other, without an invitation.", for: .administrator,
            .accountName("account", help), .accountName("contact", "The contact, in the same way.")
        ) { call, account, contact in Sentence(try await call.administration.addContact(contact, to: account)) },
        Command(
            "contact-remove", "Removes two accounts from each other's contacts.", for: .administrator,
            .accountName("account", help), .accountName("contact", "The contact, in the same way.")
        ) { call, account, contact in
            Sentence(try await call.administration.removeContact(contact, from: account))
        },
        Command(
            "contact-list", "Lists an account's contacts.", for: .administrator,
            node: Command.node("get-user-roster"), isReading: true, .account("account", help, field: "accountjids")
        ) { call, account in try await call.administration.contacts(of: account) },
    ]

    func contacts(of account: Account) async throws -> [ContactInfo] {
        try await storage.roster(of: account.jid).items.map(ContactInfo.init)
    }

    /// Makes two accounts contacts of each other, whatever their present subscription states.
    @discardableResult
    public func addContact(_ contact: AccountName, to name: AccountName) async throws -> String {
        let one = try await record(of: account(name))
        let other = try await record(of: account(contact))
        guard one.jid != other.jid else { throw AdministrationError("nobody can be a contact of theirs") }
        let waiting = try [join(one, other), join(other, one)]
        for commit in waiting { try await commit.wait() }
        return "\(one.jid) and \(other.jid) are contacts"
    }

    /// Removes two addresses from each other's rosters; the contact need not have an account here.
    @discardableResult
    public func removeContact(_ contact: AccountName, from name: AccountName) async throws -> String {
        let record = try await record(of: account(name))
        let jid: JID
        do {
            jid = try await account(contact).jid
        } catch let error as AdministrationError {
            guard let address = JID(contact.name)?.bare, record.rosterItem(address) != nil else { throw error }
            jid = address
        }
        guard record.rosterItem(jid) != nil else {
            throw AdministrationError("\(jid) is not a contact of \(record.jid)", .notFound)
        }
        try await part(record, jid)
        return "\(record.jid) and \(jid) are no contacts any more"
    }

    /// Removes both from each other's rosters, where they are in them.
    func part(_ record: AccountRecord, _ contact: JID) async throws {
        var waiting = [try change(record, contact) { _ in nil }]
        if let account = try await storage.account(contact) {
            waiting.append(try change(await self.record(of: account), record.jid) { _ in nil })
        }
        for commit in waiting { try await commit.wait() }
    }

    private func join(_ record: AccountRecord, _ contact: AccountRecord) throws -> Commit {
        let name = contact.account.displayName
        return try change(record, contact.jid) { item in
            var item = item ?? RosterItem(jid: contact.jid)
            if item.name == nil, !name.isEmpty { item.name = name }
            item.state = .both
            item.isListed = true
            item.isApproved = false
            item.invitation = nil
            return item
        }
    }

    /// Changes one roster and, on a running server, tells the sessions concerned.
    private func change(
        _ record: AccountRecord, _ contact: JID, _ body: (RosterItem?) -> RosterItem?
    ) throws -> Commit {
        let commit = Commit()
        let host = server.hosts[of: record.jid]
        let change: RosterChange?
        do throws(RosterBounds.Exceeded) {
            change = try record.updateRoster(
                contact, within: host?.rosterBounds ?? .none, then: commit.finish, body)
        } catch {
            throw AdministrationError("\(record.jid) has as many contacts as an account may have")
        }
        if let change, let host { host.rosterDidChange(change, of: record) }
        return commit
    }
}
