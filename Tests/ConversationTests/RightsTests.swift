import NIOCore
import Testing
import XMPP
import XMPPModules

@testable import TestKit
@testable import XMPPServer

/// What a session may ask for follows from what has opened it: a row for each request, command and element of a stream, and
/// no request without a row.
@Suite struct RightsTests {
    /// A request, and what it needs.
    private struct Row: Sendable {
        let type: IQRequest.Kind
        let name: String
        let namespace: String
        let needs: SessionRights
    }

    private static let rows: [Row] = [
        // Looking things up, and what concerns the session alone.
        Row(type: .get, name: "query", namespace: "http://jabber.org/protocol/disco#info", needs: .chat),
        Row(type: .get, name: "query", namespace: "http://jabber.org/protocol/disco#items", needs: .chat),
        Row(type: .set, name: "session", namespace: "urn:ietf:params:xml:ns:xmpp-session", needs: .chat),
        Row(type: .get, name: "ping", namespace: "urn:xmpp:ping", needs: .chat),
        Row(type: .get, name: "query", namespace: "jabber:iq:roster", needs: .chat),
        Row(type: .get, name: "query", namespace: "jabber:iq:version", needs: .chat),
        Row(type: .get, name: "services", namespace: "urn:xmpp:extdisco:2", needs: .chat),
        Row(type: .get, name: "credentials", namespace: "urn:xmpp:extdisco:2", needs: .chat),
        Row(type: .get, name: "time", namespace: "urn:xmpp:time", needs: .chat),
        Row(type: .get, name: "query", namespace: "jabber:iq:last", needs: .chat),
        Row(type: .set, name: "enable", namespace: "urn:xmpp:carbons:2", needs: .chat),
        Row(type: .set, name: "disable", namespace: "urn:xmpp:carbons:2", needs: .chat),
        Row(type: .get, name: "vCard", namespace: "vcard-temp", needs: .chat),
        Row(type: .get, name: "vcard", namespace: "urn:ietf:params:xml:ns:vcard-4.0", needs: .chat),
        Row(type: .get, name: "blocklist", namespace: "urn:xmpp:blocking", needs: .chat),
        Row(type: .get, name: "getjid", namespace: "jidlookup", needs: .chat),
        Row(type: .get, name: "getjid", namespace: "http://messenger.live.com/xmpp/jidlookup", needs: .chat),
        Row(type: .get, name: "query", namespace: "jabber:iq:register", needs: .chat),
        // The command says itself what it needs.
        Row(type: .set, name: "command", namespace: "http://jabber.org/protocol/commands", needs: .chat),
        // Contacts.
        Row(type: .set, name: "query", namespace: "jabber:iq:roster", needs: .changeContacts),
        Row(type: .set, name: "block", namespace: "urn:xmpp:blocking", needs: .changeContacts),
        Row(type: .set, name: "unblock", namespace: "urn:xmpp:blocking", needs: .changeContacts),
        // What is archived.
        Row(type: .get, name: "query", namespace: "urn:xmpp:mam:2", needs: .readHistory),
        Row(type: .set, name: "query", namespace: "urn:xmpp:mam:2", needs: .readHistory),
        Row(type: .get, name: "metadata", namespace: "urn:xmpp:mam:2", needs: .readHistory),
        Row(type: .get, name: "prefs", namespace: "urn:xmpp:mam:2", needs: .readHistory),
        Row(type: .set, name: "prefs", namespace: "urn:xmpp:mam:2", needs: .manageHistory),
        Row(type: .get, name: "list", namespace: "urn:xmpp:archive", needs: .readHistory),
        Row(type: .get, name: "retrieve", namespace: "urn:xmpp:archive", needs: .readHistory),
        Row(type: .get, name: "pref", namespace: "urn:xmpp:archive", needs: .readHistory),
        Row(type: .set, name: "remove", namespace: "urn:xmpp:archive", needs: .manageHistory),
        Row(type: .set, name: "pref", namespace: "urn:xmpp:archive", needs: .manageHistory),
        Row(type: .set, name: "auto", namespace: "urn:xmpp:archive", needs: .manageHistory),
        Row(type: .set, name: "itemremove", namespace: "urn:xmpp:archive", needs: .manageHistory),
        // Not implemented, whoever asks.
        Row(type: .get, name: "modified", namespace: "urn:xmpp:archive", needs: .chat),
        Row(type: .set, name: "save", namespace: "urn:xmpp:archive", needs: .chat),
        // What programs keep.
        Row(type: .set, name: "vCard", namespace: "vcard-temp", needs: .changeSettings),
        Row(type: .set, name: "vcard", namespace: "urn:ietf:params:xml:ns:vcard-4.0", needs: .changeSettings),
        Row(type: .get, name: "query", namespace: "jabber:iq:private", needs: .changeSettings),
        Row(type: .set, name: "query", namespace: "jabber:iq:private", needs: .changeSettings),
        Row(type: .get, name: "pubsub", namespace: "http://jabber.org/protocol/pubsub", needs: .changeSettings),
        Row(type: .set, name: "pubsub", namespace: "http://jabber.org/protocol/pubsub", needs: .changeSettings),
        Row(type: .get, name: "pubsub", namespace: "http://jabber.org/protocol/pubsub#owner", needs: .changeSettings),
        Row(type: .set, name: "pubsub", namespace: "http://jabber.org/protocol/pubsub#owner", needs: .changeSettings),
        Row(type: .set, name: "enable", namespace: "urn:xmpp:push:0", needs: .changeSettings),
        Row(type: .set, name: "disable", namespace: "urn:xmpp:push:0", needs: .changeSettings),
        // The account itself.
        Row(type: .get, name: "list", namespace: "urn:xmpp:cam:0", needs: .manageAccess),
        Row(type: .set, name: "revoke", namespace: "urn:xmpp:cam:0", needs: .manageAccess),
        Row(type: .set, name: "query", namespace: "jabber:iq:register", needs: .manageAccount),
    ]

    /// What modules' services answer, at addresses of their own: nothing of an account.
    private static let ofServices: Set = [
        "get query jabber:iq:search", "set query jabber:iq:search", "get request urn:xmpp:http:upload:0",
        "get query http://jabber.org/protocol/bytestreams", "set query http://jabber.org/protocol/bytestreams",
        "get pubsub http://jabber.org/protocol/pubsub", "set pubsub http://jabber.org/protocol/pubsub",
        "get pubsub http://jabber.org/protocol/pubsub#owner", "set pubsub http://jabber.org/protocol/pubsub#owner",
        "get query http://jabber.org/protocol/disco#info", "get query http://jabber.org/protocol/disco#items",
        "get query http://jabber.org/protocol/muc#admin", "set query http://jabber.org/protocol/muc#admin",
        "get query http://jabber.org/protocol/muc#owner", "set query http://jabber.org/protocol/muc#owner",
        "get query jabber:iq:register", "set query jabber:iq:register", "get ping urn:xmpp:ping",
        "get query urn:xmpp:mam:2", "set query urn:xmpp:mam:2", "get metadata urn:xmpp:mam:2",
        "set moderate urn:xmpp:message-moderate:1", "set command http://jabber.org/protocol/commands",
        "get vCard vcard-temp", "set vCard vcard-temp",
        "get search urn:xmpp:channel-search:0:search",
    ]

    /// Who may ask for each command.
    private static let commands: [String: Command.Audience] = [
        "invite": .person(.manageAccess),
        "upload-list": .administrator, "upload-show": .administrator, "upload-delete": .administrator,
        "upload-quota": .administrator, "upload-check": .administrator,
        "account-add": .administrator, "account-list": .administrator, "account-show": .administrator,
        "account-set": .administrator, "account-remove": .administrator, "account-password": .administrator,
        "account-disable": .administrator, "account-export": .operatorOfServer, "account-import": .operatorOfServer,
        "account-enable": .administrator, "account-last-login": .administrator,
        "token-mint": .administrator, "token-list": .administrator, "token-revoke": .administrator,
        "app-add": .administrator, "app-list": .administrator, "app-remove": .administrator,
        "contact-add": .administrator, "contact-remove": .administrator, "contact-list": .administrator,
        "invite-make": .administrator, "invite-list": .administrator, "invite-revoke": .administrator,
        "room-list": .administrator, "room-show": .administrator, "room-create": .administrator,
        "room-set": .administrator, "room-destroy": .administrator, "room-people": .administrator,
        "room-affiliate": .administrator,
        "pubsub-list": .administrator, "pubsub-show": .administrator, "pubsub-delete": .administrator,
        "pubsub-purge": .administrator, "pubsub-explain": .administrator,
        "command-list": .administrator, "backup": .operatorOfServer, "explain": .administrator,
        "session-end": .administrator,
        "announce": .administrator,
        "admin-list": .administrator, "admin-set": .administrator, "shutdown": .serverAdministrator,
        "reload": .operatorOfServer, "plan": .operatorOfServer,
        "registered-users-num": .administrator, "registered-users-list": .administrator,
        "disabled-users-num": .administrator, "disabled-users-list": .administrator,
        "online-users-num": .administrator, "online-users-list": .administrator,
        "active-users-num": .administrator, "active-users-list": .administrator,
        "idle-users-num": .administrator, "idle-users-list": .administrator,
    ]

    /// What belongs to a stream that has signed in: all of it is about that stream alone.
    private static let streamElements: Set = [
        "active urn:xmpp:csi:0", "inactive urn:xmpp:csi:0", "enable urn:xmpp:sm:3", "resume urn:xmpp:sm:3",
        "r urn:xmpp:sm:3", "a urn:xmpp:sm:3",
    ]

    private static let inlineFeatures: [String: SessionRights] = [
        "urn:xmpp:csi:0": .chat, "urn:xmpp:carbons:2": .chat, "urn:xmpp:sm:3": .chat, "urn:xmpp:mam:2": .readHistory,
    ]

    /// A host with every module.
    private static let script = """
        host localhost standard
          modules:
            message-archiving: {complete: on}
            jid-lookup: on
            full-text: on
            contact-addresses: {}
            external-services: {}
            user-search: {}
            bytestream-proxy: {}
            registration: {new-accounts: on}
        account mary mary@localhost scopes=wl.messenger,wl.offline_access,xmpp
        """

    @Test func everyOperationHasARow() async throws {
        let script = try Script(name: "rights", text: Self.script)
        try await Conversation.run(script, on: .memory) { server in
            let host = try #require(server.server.hosts["localhost"])
            let known = StandardModules.all.map { $0.info.name }
            #expect(
                Set(host.modules.map { type(of: $0).info.name }) == Set(known), "a module is on no host of this test")
            var found: Set<Int> = []
            for entry in host.loaded.declarations.iqTable.all {
                let index = Self.rows.firstIndex {
                    $0.type == entry.type && $0.name == "\(entry.name)" && $0.namespace == entry.namespace.name
                }
                let comment: Comment = "\(entry.type) \(entry.name) \(entry.namespace) of \(entry.module)"
                guard let index else {
                    Issue.record("no row for \(comment)")
                    continue
                }
                found.insert(index)
                // Of somebody else nothing is had, whatever the session may do.
                let isForOthers = entry.target.isDisjoint(with: [.server, .ownAccount, .anyAddress])
                #expect(entry.needs == (isForOthers ? .chat : Self.rows[index].needs), comment)
            }
            #expect(found == Set(Self.rows.indices), "rows for what there is not")
            let services = host.services.compactMap(\.declarations).flatMap(\.iqTable.all)
            #expect(Set(services.map { "\($0.type) \($0.name) \($0.namespace)" }) == Self.ofServices)
            #expect(services.allSatisfy { $0.needs == .chat })
            #expect(Dictionary(uniqueKeysWithValues: host.commands.map { ($0.name, $0.audience) }) == Self.commands)
            let elements = host.loaded.streamElements.filter { $0.layer == .authenticated }
            #expect(Set(elements.map { "\($0.name) \($0.namespace.name)" }) == Self.streamElements)
            #expect(elements.allSatisfy { $0.needs == .chat })
            let features = host.loaded.bindFeatures.map { ($0.namespace.name, $0.needs) }
            #expect(Dictionary(uniqueKeysWithValues: features) == Self.inlineFeatures)
            #expect(host.loaded.authenticationFeatures.map { $0.needs } == [.chat])
        }
    }

    /// What opens a session.
    enum Opening: String, CaseIterable, Sendable {
        case password
        case device
        case token
        case messengerToken
        case tokenThenPassword
        case passwordThenToken

        var rights: SessionRights {
            switch self {
            case .password, .device: .owner
            case .token, .tokenThenPassword, .passwordThenToken: .program
            case .messengerToken: [.chat, .changeContacts, .readHistory]
            }
        }
    }

    @Test(arguments: Opening.allCases) func asTheSessionWasOpened(_ opening: Opening) async throws {
        let text =
            opening == .messengerToken
            ? Self.script.replacing(
                "host localhost standard",
                with: "host localhost standard\n  authentication: {token-scopes: [wl.messenger]}"
            ).replacing("scopes=wl.messenger,wl.offline_access,xmpp", with: "scopes=wl.messenger,wl.offline_access")
            : Self.script
        let server = try await TestServer(Script(name: "rights", text: text).configuration)
        let talk = Conversation(try Script(name: "rights", text: text), server)
        try await talk.setUp()
        do {
            let client = try await open(opening, talk)
            for (number, row) in Self.rows.enumerated() {
                let id = "r\(number)"
                let type = row.type == .get ? "get" : "set"
                let to = row.name == "command" ? " to='localhost'" : ""
                let node = row.name == "command" ? " node='urn:xmpp:invite#invite'" : ""
                let needs = row.name == "command" ? SessionRights.manageAccess : row.needs
                try await client.send(
                    "<iq type='\(type)' id='\(id)'\(to)><\(row.name) xmlns='\(row.namespace)'\(node)/></iq>")
                let answer = try await answer(id, client)
                let isForbidden =
                    answer.child("error", .client)?.hasChild("forbidden", "urn:ietf:params:xml:ns:xmpp-stanzas") == true
                #expect(
                    isForbidden == !opening.rights.isSuperset(of: needs),
                    "\(opening): \(type) \(row.name) \(row.namespace): \(String(buffer: answer.bytes))")
            }
        } catch {
            await talk.tearDown()
            throw error
        }
        await talk.tearDown()
    }

    // MARK: Signing in

    private func open(_ opening: Opening, _ talk: Conversation) async throws -> ScriptedClient {
        switch opening {
        case .password: return try await signIn(talk, Self.password)
        case .token, .messengerToken: return try await signIn(talk, bearer(talk))
        case .device:
            let agent = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
            let first = try await connect(talk)
            try await authenticate(
                first, Self.password,
                "\(agent)<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>")
            let success = try await element("success", first)
            talk.known["t"] = success.child("token", "urn:xmpp:fast:0")?["token"]
            let proof = try TextPattern.fill("{{proof mary t}}", known: talk.known)
            return try await signIn(
                talk, ("HT-SHA-256-NONE", proof), "\(agent)<fast xmlns='urn:xmpp:fast:0'/>")
        case .tokenThenPassword: return try await resume(talk, bearer(talk), Self.password)
        case .passwordThenToken: return try await resume(talk, Self.password, bearer(talk))
        }
    }

    private static let password = ("PLAIN", Base64.encode(Array("\0mary\0\(TestAccount.password)".utf8)))

    private func bearer(_ talk: Conversation) -> (String, String) { ("OAUTHBEARER", talk.known["mary.bearer"] ?? "") }

    private func resume(
        _ talk: Conversation, _ first: (String, String), _ second: (String, String)
    ) async throws -> ScriptedClient {
        let former = try await connect(talk)
        try await authenticate(
            former, first, "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>")
        let bound = try await element("success", former).child("bound", "urn:xmpp:bind:0")
        let id = try #require(bound?.child("enabled", "urn:xmpp:sm:3")?["id"])
        await former.connection.close()
        let client = try await connect(talk)
        try await authenticate(client, second, "<resume xmlns='urn:xmpp:sm:3' h='0' previd='\(id)'/>")
        let success = try await element("success", client)
        #expect(success.hasChild("resumed", "urn:xmpp:sm:3"))
        return client
    }

    private func signIn(
        _ talk: Conversation, _ secret: (String, String), _ request: String = ""
    ) async throws -> ScriptedClient {
        let client = try await connect(talk)
        try await authenticate(client, secret, "\(request)<bind xmlns='urn:xmpp:bind:0'/>")
        #expect(try await element("success", client).hasChild("bound", "urn:xmpp:bind:0"))
        return client
    }

    private func connect(_ talk: Conversation) async throws -> ScriptedClient {
        try await talk.connect(.opened(host: "localhost"), nil)
    }

    private func authenticate(
        _ client: ScriptedClient, _ secret: (String, String), _ request: String
    ) async throws {
        try await client.send(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='\(secret.0)'>"
                + "<initial-response>\(secret.1)</initial-response>\(request)</authenticate>")
    }

    private func element(_ name: StaticString, _ client: ScriptedClient) async throws -> Element {
        let received = try await client.next()
        guard case .element(let element) = received, element.hasName(name) else {
            throw ConversationFailure("expected \(name), received \(received)")
        }
        return element
    }

    private func answer(_ id: String, _ client: ScriptedClient) async throws -> Element {
        while true {
            let received = try await client.next()
            if received.isEnd { throw ConversationFailure("the stream ended before the answer to \(id)") }
            if case .element(let element) = received, element["id"] == id, element.hasName("iq") { return element }
        }
    }
}
