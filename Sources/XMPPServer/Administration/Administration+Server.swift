import XMPP

extension Administration {
    /// Commands that concern a host as a whole.
    static let serverCommands = [
        Command(
            "session-end", "Ends sessions of accounts.", for: .administrator, node: Command.node("end-user-session"),
            .addresses("sessions", "Addresses of sessions, or of accounts for all of theirs.", field: "accountjids")
        ) { call, addresses in
            let sessions = try await call.administration.sessions(at: addresses)
            for session in sessions { session.end(.policyViolation) }
            return Sentence("\(sessions.count) \(sessions.count == 1 ? "session ends" : "sessions end")")
        },
        Command(
            "announce", "Sends a message to everybody who is online.", for: .administrator,
            node: Command.node("announce"),
            .texts("text", "What it says; the lines of it.", field: "announcement"),
            .anyHost("Only the people of this host.")
        ) { call, lines, host in
            guard !lines.isEmpty else { throw AdministrationError("say what to announce", at: "text") }
            let count = call.administration.announce(lines.joined(separator: "\n"), on: host)
            return Sentence("\(count) \(count == 1 ? "session gets" : "sessions get") it")
        },
        Command(
            "admin-list", "Lists the administrators.", for: .administrator, isReading: true,
            .anyHost("Only those of this host.")
        ) { call, host in try await call.administration.accounts(of: host).filter(\.isAdministrator) },
        Command(
            "admin-set", "Makes these accounts administrators, and no others.", for: .administrator,
            node: Command.node("edit-admin"),
            Parameter.accounts("accounts", help, field: "adminjids").showing { administration in
                try await administration.accounts(of: nil).filter(\.isAdministrator).map(\.jid)
            },
            .host("The host of the accounts.")
        ) { call, accounts, host in
            try await call.administration.setAdministrators(accounts, of: host)
            return Sentence("\(accounts.map(\.jid.string).joined(separator: ", ")) and nobody else")
        },
        Command(
            "reload", "Has the running server read its configuration and certificates anew, as SIGHUP does.",
            for: .operatorOfServer
        ) { call in try await call.administration.running().reload() },
        Command(
            "plan",
            "Says what a reload of the configuration would change in the running server, and what takes a restart.",
            for: .operatorOfServer, isReading: true
        ) { call in try call.administration.running().plan() },
        Command(
            "shutdown", "Stops the server.", for: .serverAdministrator, node: Command.node("shutdown"),
            .integer("delay", default: 0, in: 0...86_400, "In how many seconds.", field: "delay"),
            .texts("announcement", "What everybody who is online is told before; the lines of it.")
        ) { call, delay, announcement in
            let administration = call.administration
            guard administration.server.listens else {
                throw AdministrationError("no server is running", .notFound)
            }
            if !announcement.isEmpty { administration.announce(announcement.joined(separator: "\n"), on: nil) }
            administration.server.askToStop(after: .seconds(delay))
            return Sentence(delay == 0 ? "the server stops" : "the server stops in \(delay) seconds")
        },
    ]

    /// The sessions at addresses of accounts and of sessions.
    private func sessions(at addresses: [String]) async throws -> [ClientSession] {
        var found: [ClientSession] = []
        for address in addresses {
            if let jid = JID(address), let resource = jid.resource {
                let account = try await account(AccountName(jid.bare.string))
                guard let session = sessions(of: account.jid).first(where: { $0.jid.resource == resource }) else {
                    throw AdministrationError("there is no session \(address)", .notFound)
                }
                found.append(session)
            } else {
                found += try await sessions(of: account(AccountName(address)).jid)
            }
        }
        return found
    }

    /// - Returns: the number of sessions that get it.
    @discardableResult
    private func announce(_ text: String, on domain: String?) -> Int {
        var count = 0
        for host in server.hosts.all where manages(host.domain) && domain.map({ $0 == host.domain }) ?? true {
            for session in host.accounts.sessions where session.isAvailable {
                session.send(.message, from: host.jid) { writer in
                    writer.start("message", .client)
                    writer.attribute("type", "headline" as StaticString)
                    writer.attribute("from", host.domain)
                    writer.attribute("to", session.jid.string)
                    writer.element("body", text: text)
                    writer.end()
                }
                count += 1
            }
        }
        return count
    }

    private func setAdministrators(_ wanted: [Account], of host: HostConfiguration) async throws {
        if let other = wanted.first(where: { $0.jid.domain != host.domain }) {
            throw AdministrationError("\(other.jid) is not of \(host.domain)", at: "accounts")
        }
        for account in try await storage.accounts(host: host.domain) {
            let isWanted = wanted.contains { $0.jid == account.jid }
            guard isWanted != account.isAdministrator else { continue }
            _ = try await change(account, AccountChanges(isAdministrator: isWanted))
        }
    }
}
