import XMPP

extension Administration {
    static let invitationCommands = [
        Command(
            "invite-make", "Makes an invitation, which is good once; its link is shown this once.",
            for: .administrator,
            .optional(
                .accountName(
                    "account",
                    "Whose contact the guest becomes; without it, the guest may make an account and that is all.")),
            .anyHost("The host of the account."),
            .duration(
                "expires", default: Int(Invitation.standardSeconds), in: 60...366 * 86_400,
                "When the invitation becomes void, such as 7d or 12h.")
        ) { call, account, host, seconds in
            try await call.administration.invite(account, host: host, seconds: Int64(seconds))
        },
        Command(
            "invite-list", "Lists the invitations that nobody has used yet.", for: .administrator, isReading: true,
            .anyHost("The host of the account.")
        ) { call, host in try await call.administration.invitations(of: host).map(\.info) },
        Command(
            "invite-revoke", "Makes an invitation void.", for: .administrator,
            .text("id", "The invitation's id as `invite list` shows it.")
        ) { call, id in Sentence(try await call.administration.revokeInvitation(id)) },
    ]

    /// The number of digits of a token's digest that form an invitation's id.
    private static let idLength = 12

    /// Makes an invitation to an account's roster; nil: to the host only.
    public func invite(_ name: AccountName?, host: String?, seconds: Int64) async throws -> NewInvitation {
        let account = if let name { try await self.account(name) } else { Account?.none }
        let host = try self.host(account?.jid.domain ?? host)
        guard host.modules.contains(where: { $0.info.name == Invitation.module }) else {
            throw AdministrationError("\(host.domain) takes no invitations; its profile lacks the module invitations")
        }
        let createdAt = now()
        let token = Invitation.makeToken()
        let invitation = Invitation(
            inviter: account?.jid, createdAt: createdAt,
            expiresAt: Timestamp(milliseconds: createdAt.milliseconds + seconds * 1000))
        let key = Invitation.key(ofToken: token)
        try await Invitation.store(in: storage).put(invitation, owner(host.domain), key: key)
        return NewInvitation(
            link: invitation.link(token: token, host: host.domain), info: info(invitation, key, host.domain))
    }

    /// The valid invitations with their keys, oldest first. Removes expired ones.
    func invitations(of host: String?) async throws -> [(key: String, info: InvitationInfo)] {
        let domains = try host.map { [try self.host($0).domain] } ?? hosts.map(\.domain)
        var found: [(key: String, info: InvitationInfo)] = []
        for domain in domains {
            let owner = try owner(domain)
            let store = Invitation.store(in: storage)
            let all = try await store.all(owner)
            let void = all.filter { $0.value.expiresAt <= now() }.keys
            if !void.isEmpty { try await storage.commit(void.map { store.removing(owner, key: $0) }) }
            found += all.filter { $0.value.expiresAt > now() }.map { ($0.key, info($0.value, $0.key, domain)) }
        }
        return found.sorted { ($0.info.createdAt, $0.key) < ($1.info.createdAt, $1.key) }
    }

    func revokeInvitation(_ id: String) async throws -> String {
        let found = try await invitations(of: nil).filter { $0.key.hasPrefix(id.lowercased()) }
        guard id.utf8.count >= Self.idLength, let invitation = found.first, found.count == 1 else {
            throw AdministrationError(
                "there is no invitation \(id); `invite list` shows the ids of those that there are", .notFound)
        }
        try await Invitation.store(in: storage).remove(owner(invitation.info.host), key: invitation.key)
        return "the invitation \(invitation.info.id) is revoked"
    }

    private func owner(_ domain: String) throws -> JID {
        guard let jid = JID(local: nil, domain: domain, resource: nil) else {
            throw AdministrationError("\(domain) is no domain")
        }
        return jid
    }

    private func info(_ invitation: Invitation, _ key: String, _ domain: String) -> InvitationInfo {
        InvitationInfo(
            id: String(key.prefix(Self.idLength)), host: domain, inviter: invitation.inviter?.string,
            createdAt: invitation.createdAt.xep0082, expiresAt: invitation.expiresAt.xep0082)
    }
}
