import Foundation
import Logging
import NIOPosix
import SQLiteStorage
import TestKit
import Testing
import XMPP
import XMPPModules

@testable import XMPPServer

/// Commands as declarations: what holds for all of them, and who may have them done where.
@Suite struct CommandTests {
    // MARK: Declarations

    @Test func theyAreDeclaredAlike() {
        let commands = Administration.commands
        #expect(Set(commands.map(\.name)).count == commands.count)
        #expect(Set(commands.map(\.node)).count == commands.count)
        for command in commands {
            #expect(command.name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil, "\(command.name)")
            #expect(command.summary.hasSuffix("."), "\(command.name)")
            #expect(Set(command.parameters.map(\.name)).count == command.parameters.count, "\(command.name)")
            #expect(Set(command.parameters.map(\.formName)).count == command.parameters.count, "\(command.name)")
            for parameter in command.parameters {
                #expect(parameter.name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil, "\(command.name) \(parameter.name)")
                #expect(parameter.help.hasSuffix("."), "\(command.name) \(parameter.name)")
            }
        }
    }

    /// So that a module's commands have a subcommand.
    @Test func thoseOfAModuleAreInItsGroup() async throws {
        let store = try await BareStore(hosts: ["one.example": "standard"])
        let host = try #require(store.administration.server.hosts["one.example"])
        let groups = StandardModules.all.compactMap { $0.info.commands }
        #expect(Set(groups.map(\.name)).count == groups.count)
        let names = Set(Administration.commands.map(\.name))
        for command in host.commands where !names.contains(command.name) {
            if case .person = command.audience { continue }
            #expect(groups.contains { $0.name(of: command.name) != nil }, "\(command.name)")
        }
    }

    @Test func theWordsOfACommandLine() throws {
        let command = Command(
            "greeting-set", "Sets a greeting.", for: .administrator,
            .text("text", "What it says."), .boolean("loud", default: false, "Whether it is loud."),
            .integer("times", default: 1, in: 1...9, "How often."), .texts("names", "Whom.")
        ) { _, _, _, _, _ in Sentence("") }
        for (words, arguments) in [
            ([], [:]),
            (["hello", "2", "ann", "bob"], ["text": "hello", "times": "2", "names": ["ann", "bob"]]),
            (["--times", "2", "--loud", "hello"], ["text": "hello", "times": "2", "loud": true]),
            (["--loud=false", "--text=", "3"], ["text": "", "times": "3", "loud": "false"]),
            (["--names=ann", "--names", "bob", "--", "2"], ["text": "--", "times": "2", "names": ["ann", "bob"]]),
            (["--odd", "x"], ["odd": "x"]),
        ] as [([String], [String: CommandValue])] {
            #expect(try CommandWords.arguments(words, of: command) == arguments, "\(words)")
        }
        #expect(throws: AdministrationError.self) { try CommandWords.arguments(["--text"], of: command) }
    }

    // MARK: Where

    /// To an administrator of one host there is nothing of another, whatever is asked for, and by which name.
    @Test func anAdministratorHasOneHostAlone() async throws {
        let store = try await BareStore(hosts: ["one.example": "standard", "two.example": "standard"])
        _ = try await store.add(
            NewAccount(name: "ann@one.example", accountID: "ann@contoso.example", isAdministrator: true))
        _ = try await store.add(NewAccount(name: "bob@two.example", accountID: "bob@contoso.example"))
        let token = try await store.administration.mint(NewToken(account: AccountName("bob@two.example")))
        let app = try await store.administration.add(NewApp(host: "two.example", name: "Clock"))
        _ = try await store.administration.invite(nil, host: "two.example", seconds: 3600)
        let theirs = try await store.administration.invitations(of: "two.example").map(\.info.id)
        let (ann, host, administration) = try await store.administrator("ann@one.example")

        func reply(_ name: String, _ arguments: [String: CommandValue]) async throws -> CommandReply {
            let command = try #require(host.commands.first { $0.name == name })
            do {
                let caller = CommandCall.Caller.account(ann, host, .all, nil)
                return Administration.reply(try await administration.perform(command, arguments, for: caller))
            } catch {
                return Administration.reply(error)
            }
        }
        for name in ["bob@two.example", "bob", "bob@contoso.example"] {
            for command in [
                "account-show", "account-set", "account-password", "contact-list", "token-mint", "token-list",
            ] {
                let reply = try await reply(command, ["account": .text(name)])
                #expect(reply.failure == .notFound, "\(command) \(name): \(reply.text)")
                let there = try await self.reply(administration, ann, host, command, name, "two.example")
                #expect(there.failure != nil, "\(command) \(name): \(there.text)")
            }
            for command in ["account-remove", "account-disable", "account-enable", "account-last-login", "admin-set"] {
                #expect(
                    try await reply(command, ["accounts": [.text(name)]]).failure == .notFound, "\(command) \(name)")
            }
            #expect(try await reply("session-end", ["sessions": [.text(name)]]).failure == .notFound)
            #expect(try await reply("contact-add", ["account": "ann", "contact": .text(name)]).failure == .notFound)
            #expect(try await reply("invite-make", ["account": .text(name)]).failure == .notFound)
        }
        for command in ["account-list", "app-list", "invite-list", "admin-list"] {
            #expect(try await reply(command, ["host": "two.example"]).failure == .notFound, "\(command)")
            if case .list(let found)? = try await reply(command, [:]).result {
                #expect(!found.contains { "\($0)".contains("two.example") }, "\(command)")
            }
        }
        #expect(try await reply("account-add", ["name": "eve@two.example"]).failure != nil)
        #expect(try await reply("account-add", ["name": "eve", "host": "two.example"]).failure == .notFound)
        #expect(try await reply("app-add", ["name": "X", "host": "two.example"]).failure != nil)
        #expect(try await reply("app-remove", ["id": .text(app.info.id)]).failure == .notFound)
        #expect(try await reply("token-revoke", ["token": .text(token.token)]).failure == .notFound)
        #expect(try await reply("token-revoke", ["token": .text(token.info.id)]).failure == .notFound)
        for id in theirs { #expect(try await reply("invite-revoke", ["id": .text(id)]).failure == .notFound) }
        #expect(try await reply("registered-users-num", [:]).result?["count"] == 1)
        // With two hosts there is no administrator of the server.
        #expect(try await reply("shutdown", [:]).failure == .forbidden)
        // All is as it was.
        #expect(try await store.administration.accounts(of: nil).count == 2)
        #expect(try await store.administration.tokens(of: nil).count == 1)
    }

    private func reply(
        _ administration: Administration, _ ann: AccountRecord, _ host: XMPPServer.Host, _ name: String,
        _ account: String,
        _ domain: String
    ) async throws -> CommandReply {
        let command = try #require(host.commands.first { $0.name == name })
        do {
            return Administration.reply(
                try await administration.perform(
                    command, ["account": .text(account), "host": .text(domain)],
                    for: .account(ann, host, .all, nil)))
        } catch {
            return Administration.reply(error)
        }
    }

    // MARK: Who

    @Test func theRightIsTheAccountsAndTheSessions() async throws {
        let store = try await BareStore(hosts: ["one.example": "standard"])
        _ = try await store.add(NewAccount(name: "ann", isAdministrator: true))
        let (ann, host, _) = try await store.administrator("ann@one.example")
        let list = try #require(host.commands.first { $0.name == "account-list" })
        let shutdown = try #require(host.commands.first { $0.name == "shutdown" })
        let invite = try #require(host.commands.first { $0.name == "invite" })
        func may(_ command: Command, _ rights: SessionRights) -> Bool {
            CommandCall.Caller.account(ann, host, rights, nil).may(command, domains: ["one.example"])
        }
        #expect(may(list, .all) && may(list, .administer) && may(shutdown, .all))
        // What an app was let do is not that.
        #expect(!may(list, .owner) && !may(list, .program) && !may(shutdown, .owner))
        // A person's own command takes a session.
        #expect(!may(invite, .all) && !CommandCall.Caller.operatorOfServer.may(invite, domains: ["one.example"]))
        _ = try await ann.update(AccountUpdate(isAdministrator: false))
        #expect(!may(list, .all))
        _ = try await ann.update(AccountUpdate(isAdministrator: true, isEnabled: false))
        #expect(!may(list, .all))
        _ = try await ann.update(AccountUpdate(isEnabled: true))
        #expect(may(list, .all))
        try await store.administration.remove(AccountName("ann"))
        #expect(!may(list, .all))
    }

    // MARK: Modules

    @Test func aModulesCommandIsThatOfTheHostThatIsNamed() async throws {
        let store = try await BareStore(
            hosts: ["one.example": "standard", "two.example": "standard"], modules: "greeting: {}",
            StandardModules.all + [Greeting.self])
        func text(_ arguments: [String: CommandValue]) async -> String {
            await store.administration.perform(CommandRequest("greet", arguments)).text
        }
        #expect(await text(["host": "two.example"]) == "two.example greets nobody")
        #expect(await text(["host": "one.example", "name": "Ann"]) == "one.example greets Ann")
        #expect(await text([:]).contains("say --host one.example or two.example"))
        #expect(
            await text(["host": "one.example", "nmae": "Ann"]) == "greet takes no \"nmae\" — did you mean \"name\"?")
        let unknown = await store.administration.perform(CommandRequest("gret"))
        #expect(unknown.failure == .notFound && unknown.text.contains("did you mean \"greet\"?"))
    }

    private struct Greeting: ServerModule {
        static let info = ModuleInfo("greeting", implements: [], summary: "Greets.")

        private let host: XMPPServer.Host

        init(host: XMPPServer.Host, settings: NoSettings) { self.host = host }

        func register(_ registrar: inout Registrar) {
            registrar.command(
                Command(
                    "greet", "Greets somebody.", for: .administrator, .optional(.text("name", "Whom to greet."))
                ) { [host] _, name in Sentence("\(host.domain) greets \(name ?? "nobody")") })
        }
    }
}

extension BareStore {
    /// An account of a host that administers it.
    fileprivate func administrator(_ name: String) async throws -> (AccountRecord, XMPPServer.Host, Administration) {
        let jid = try #require(JID(name))
        let host = try #require(administration.server.hosts[of: jid])
        return (try #require(try await host.accounts.load(jid)), host, Administration(administration.server, of: host))
    }
}
