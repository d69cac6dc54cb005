import XMPPServer

/// What an administrator does while people talk.
extension Conversation {
    /// Makes an access token; it is known as `NAME.minted`, and decoded and encoded again as `NAME.minted.again`.
    func mint(_ alias: String) async throws {
        let reply = await Administration(server.server).perform(.mintToken(token: NewToken(account: account(alias))))
        guard case .minted(let minted) = reply else { throw ConversationFailure("\(reply)") }
        known["\(alias).minted"] = minted.token
        known["\(alias).minted.again"] = Base64.decode(minted.token).map { Base64.encode($0) }
    }

    /// Makes an invitation by a person, or to a host; its token is known as `NAME.invitation`.
    func invite(_ inviter: String) async throws {
        let account = known[inviter].map { AccountName($0) }
        let request = AdministrationRequest.invite(
            account: account, host: account == nil ? inviter : nil, seconds: Invitation.standardSeconds)
        let reply = await Administration(server.server).perform(request)
        guard case .invited(let invitation) = reply, let token = invitation.link.split(separator: ";").dropFirst().first
        else { throw ConversationFailure("\(reply)") }
        known["\(inviter).invitation"] = String(token.dropFirst("preauth=".count))
    }

    func administrate(_ request: AdministrationRequest) async throws {
        let request: AdministrationRequest =
            switch request {
            case .revokeToken(let name): .revokeToken(token: known[name] ?? name)
            case .removeAccount(let name): .removeAccount(account: account(name.name))
            case .setAccount(let name, let changes): .setAccount(account: account(name.name), changes: changes)
            case .addContact(let owner, let contact):
                .addContact(account: account(owner.name), contact: account(contact.name))
            case .removeContact(let owner, let contact):
                .removeContact(account: account(owner.name), contact: account(contact.name))
            default: request
            }
        if case .failed(let reason) = await Administration(server.server).perform(request) {
            throw ConversationFailure("the administrator is told: \(reason)")
        }
    }

    private func account(_ alias: String) -> AccountName { AccountName(known[alias] ?? alias) }
}
