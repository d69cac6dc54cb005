import XMPPServer

/// What an administrator does while people talk.
extension Conversation {
    /// Makes an access token; it is known as `NAME.minted`, and decoded and encoded again as `NAME.minted.again`.
    func mint(_ alias: String) async throws {
        let result = try await result(CommandRequest("token-mint", ["account": .text(known[alias] ?? alias)]))
        let token = result?["token"]?.text ?? ""
        known["\(alias).minted"] = token
        known["\(alias).minted.again"] = Base64.decode(token).map { Base64.encode($0) }
    }

    /// Makes an invitation by a person, or to a host; its token is known as `NAME.invitation`.
    func invite(_ inviter: String) async throws {
        let account = known[inviter]
        let result = try await result(
            CommandRequest(
                "invite-make",
                ["account": CommandValue(account), "host": CommandValue(account == nil ? inviter : nil)]))
        guard let token = result?["link"]?.text?.split(separator: ";").dropFirst().first else {
            throw ConversationFailure("no link")
        }
        known["\(inviter).invitation"] = String(token.dropFirst("preauth=".count))
    }

    /// Has the server perform a command; who and what is named in it may be known by another name.
    func administrate(_ request: CommandRequest) async throws {
        let named = ["account", "accounts", "contact", "token"]
        let arguments = request.arguments.map { name, value in
            (name, named.contains(name) ? .text(known[value.text ?? ""] ?? value.text ?? "") : value)
        }
        _ = try await result(CommandRequest(request.command, Dictionary(uniqueKeysWithValues: arguments)))
    }

    private func result(_ request: CommandRequest) async throws -> CommandValue? {
        let account = request.arguments["account"]?.text.flatMap { JID($0) }
        let reply = await Administration(server.servers[account.map(server.homes.home) ?? 0]).perform(request)
        guard reply.failure == nil else { throw ConversationFailure("the administrator is told: \(reply.text)") }
        return reply.result
    }
}
