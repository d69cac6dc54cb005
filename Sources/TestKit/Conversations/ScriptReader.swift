import Foundation
import XMPPServer

/// Reads the text of a script, statement by statement: a line that is not indented, with the indented lines below it.
struct ScriptReader {
    private struct Statement {
        let line: Int
        let text: String
        var block: [String] = []

        var words: [String] { ScriptReader.words(text) }

        /// What stands behind the first `count` words, with the block.
        func rest(after count: Int) -> String {
            var text = text[...]
            for _ in 0..<count {
                text = text.drop { !$0.isWhitespace }.drop { $0.isWhitespace }
            }
            return ScriptReader.joined([String(text)] + block)
        }
    }

    private let statements: [Statement]
    private var hosts: [TestConfiguration.Host] = []
    private var listeners: [TestConfiguration.Listener] = []
    private var people: [TestAccount] = []

    init(text: String) {
        var statements: [Statement] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("#") || line.allSatisfy(\.isWhitespace) { continue }
            if line.first?.isWhitespace == true, !statements.isEmpty {
                statements[statements.count - 1].block.append(String(line))
            } else {
                let text = line.reversed().drop { $0.isWhitespace }.reversed()
                statements.append(Statement(line: index + 1, text: String(text)))
            }
        }
        self.statements = statements
    }

    mutating func read(into script: inout Script) throws {
        for statement in statements {
            do {
                try read(statement, &script)
            } catch {
                throw ConversationFailure("\(script.name).xmpp:\(statement.line): \(error): \(statement.text)")
            }
        }
        if !hosts.isEmpty { script.configuration.hosts = hosts }
        if !listeners.isEmpty { script.configuration.listeners = listeners }
        let served = Set(script.configuration.hosts.map(\.domain))
        let own = Set(people.map(\.alias))
        script.people = people + Self.cast.filter { !own.contains($0.alias) && served.contains($0.jid.domain) }
    }

    private mutating func read(_ statement: Statement, _ script: inout Script) throws {
        let words = statement.words
        switch words[0] {
        case "host":
            guard words.count == 3 else { throw ConversationFailure("say `host DOMAIN PROFILE`") }
            hosts.append(.init(words[1], profile: words[2], settings: Self.outdented(statement.block)))
        case "listener":
            guard words.count == 2 else { throw ConversationFailure("say `listener NAME`") }
            listeners.append(.init(words[1], settings: Self.outdented(statement.block)))
        case "configuration":
            script.configuration.lines += Self.outdented(statement.block)
        case "transports":
            script.transports = try words.dropFirst().map { word in
                guard let transport = Transport(rawValue: word) else {
                    throw ConversationFailure("no transport \(word)")
                }
                return transport
            }
            // Where people are at home changes nothing that they see.
            if script.transports.contains(.memory) { script.transports.append(.homes) }
        case "account":
            people.append(try account(words))
        case "contacts":
            guard words.count == 3 else { throw ConversationFailure("say `contacts A B`") }
            for (owner, contact) in [(words[1], words[2]), (words[2], words[1])] {
                script.rosters.append(
                    .init(owner: owner, contact: contact, state: .both, name: name(of: contact), isApproved: false))
            }
        case "roster":
            script.rosters.append(try rosterLine(words))
        default:
            script.steps.append(.init(line: statement.line, action: try action(statement, words)))
        }
    }

    // MARK: People

    /// The people whom every script knows, unless it says otherwise.
    private static let cast: [TestAccount] = [
        person("mary", "00037ffe12345678@messenger.localhost", "mary@contoso.example", "Mary"),
        person("tom", "0003aaaa00000001@messenger.localhost", "tom@contoso.example", "Tom"),
        person("ann", "0003aaaa00000002@messenger.localhost", "ann@contoso.example", "Ann"),
        person("romeo", "romeo@localhost", nil, "Romeo"),
        person("juliet", "juliet@localhost", nil, "Juliet"),
        person("nurse", "nurse@localhost", nil, "Nurse"),
    ].compactMap { $0 }

    private static func person(_ alias: String, _ address: String, _ accountID: String?, _ name: String) -> TestAccount?
    {
        JID(address).map {
            TestAccount(alias, Account(jid: $0, accountID: accountID, displayName: name, createdAt: TestClock.start))
        }
    }

    private func name(of alias: String) -> String? {
        (people + Self.cast).first { $0.alias == alias }?.account.displayName
    }

    private func account(_ words: [String]) throws -> TestAccount {
        guard words.count >= 3, var person = Self.person(words[1], words[2], nil, "") else {
            throw ConversationFailure("say `account NAME ADDRESS …`")
        }
        for (key, value) in try Self.settings(words.dropFirst(3)) {
            switch key {
            case "account-id": person.account.accountID = value
            case "name": person.account.displayName = value
            case "history": person.account.keepsHistory = value == "on"
            case "scopes": person.scopes = value == "none" ? nil : Set(value.split(separator: ",").map(String.init))
            case "keys":
                let names = value.split(separator: ",").map(String.init)
                person.hashes = SCRAMHash.allCases.filter { names.contains($0.rawValue) }
            case "expires": person.expiresAt = Timestamp(value)
            default: throw ConversationFailure("no setting \(key)")
            }
        }
        return person
    }

    private func rosterLine(_ words: [String]) throws -> Script.RosterLine {
        let states: [String: SubscriptionState] = Dictionary(
            uniqueKeysWithValues: SubscriptionState.allCases.map { ("\($0)", $0) })
        guard words.count >= 4, let state = states[words[3]] else {
            throw ConversationFailure("say `roster OWNER CONTACT STATE …`, one of \(states.keys.sorted())")
        }
        let settings = try Self.settings(words.dropFirst(4))
        var line = Script.RosterLine(
            owner: words[1], contact: words[2], state: state, isApproved: settings.contains { $0.0 == "approved" })
        for (key, value) in settings {
            switch key {
            case "name": line.name = value
            case "groups": line.groups = value.split(separator: ",").map(String.init)
            case "approved": break
            default: throw ConversationFailure("no setting \(key)")
            }
        }
        return line
    }

    // MARK: Steps

    private func action(_ statement: Statement, _ words: [String]) throws -> Script.Action {
        switch (words[0], words.count > 1 ? words[1] : "") {
        case ("client", let name):
            let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
            guard let alias = parts.first else { throw ConversationFailure("say `client NAME/RESOURCE`") }
            return .signIn(
                alias: alias, resource: parts.count > 1 ? parts[1] : nil, isOnline: words.contains("online"),
                listener: Self.word(after: "at", words))
        case ("connection", let name):
            return .connect(name: name, depth(words), listener: Self.word(after: "at", words))
        case ("component", let name):
            guard words.count == 3 else { throw ConversationFailure("say `component NAME DOMAIN`") }
            return .connectComponent(name: name, domain: words[2])
        case ("clock", "advances"):
            return .advance(try Self.duration(words.dropFirst(2)))
        case ("clock", "is"):
            let time = try Self.duration(words.dropFirst(4))
            switch words.dropFirst(2).prefix(2) {
            case ["set", "ahead"]: return .setClock(aheadBy: time)
            case ["set", "back"]: return .setClock(aheadBy: .zero - time)
            default: throw ConversationFailure("say `clock is set ahead 5 min` or `clock is set back 5 min`")
            }
        case ("server", "stops"): return .stopServer
        case ("server", "restarts"): return .restartServer
        case ("server", "dies"): return .killServer
        case ("jobs", "run"): return .runJobs
        case ("storage", "fails"): return .failStorage(true)
        case ("storage", "recovers"): return .failStorage(false)
        case ("administrator", let verb): return try Self.administration(verb, words)
        case ("all", "ignore"): return .ignoreRest(client: nil)
        case (let client, let verb):
            return try action(of: client, verb, statement, words)
        }
    }

    private func action(
        of client: String, _ verb: String, _ statement: Statement, _ words: [String]
    ) throws -> Script.Action {
        let object = words.count > 2 ? words[2] : ""
        switch verb {
        case "sends" where object == "raw":
            return .send(client: client, Self.unescaped(statement.rest(after: 3)))
        case "sends":
            return .send(client: client, statement.rest(after: 2))
        case "receives" where object == "nothing":
            return .receiveNothing(client: client)
        case "receives" where object == "text":
            return .receiveText(client: client, statement.rest(after: 3))
        case "receives" where statement.text.hasSuffix("in any order"):
            return .receive(client: client, Self.joined(statement.block), inAnyOrder: true)
        case "receives":
            return .receive(client: client, statement.rest(after: 2), inAnyOrder: false)
        case "ignores": return .ignoreRest(client: client)
        case "disconnected": return .beDisconnected(client: client)
        case "closes": return .close(client: client)
        case "hangs": return .hangUp(client: client)
        case "starts":
            return .startTLS(client: client, host: Self.word(after: "with", words) ?? "messenger.localhost")
        default: throw ConversationFailure("no such statement")
        }
    }

    private static func administration(_ verb: String, _ words: [String]) throws -> Script.Action {
        guard words.count > 2 else { throw ConversationFailure("say what the administrator does") }
        // Names are those of people or, within braces, what is known; they are filled in when the time has come.
        let name = words[2]
        switch verb {
        case "invites": return .invite(inviter: word(after: "by", words) ?? word(after: "to", words) ?? "")
        case "mints": return .mint(alias: name)
        case "revokes": return .administrate(CommandRequest("token-revoke", ["token": .text(name)]))
        case "deletes": return .administrate(CommandRequest("account-remove", ["accounts": .text(name)]))
        case "disables": return .administrate(CommandRequest("account-disable", ["accounts": .text(name)]))
        case "enables": return .administrate(CommandRequest("account-enable", ["accounts": .text(name)]))
        case "sets":
            let changes = try changes(words).merging(["account": .text(name)]) { $1 }
            return .administrate(CommandRequest("account-set", changes))
        case "adds" where word(after: "to", words) != nil:
            let owner = CommandValue(word(after: "to", words))
            return .administrate(CommandRequest("contact-add", ["account": owner, "contact": .text(name)]))
        case "removes" where word(after: "from", words) != nil:
            let owner = CommandValue(word(after: "from", words))
            return .administrate(CommandRequest("contact-remove", ["account": owner, "contact": .text(name)]))
        default: throw ConversationFailure("no such statement")
        }
    }

    private static func changes(_ words: [String]) throws -> [String: CommandValue] {
        var changes: [String: CommandValue] = [:]
        for (key, value) in try settings(words.dropFirst(3)) {
            switch key {
            case "account-id", "photo": changes[key] = .text(value)
            case "name": changes["display-name"] = .text(value)
            case "message": changes["personal-message"] = .text(value)
            case "history": changes["keep-history"] = .boolean(value == "on")
            case "admin": changes["admin"] = .boolean(value == "on")
            default: throw ConversationFailure("no setting \(key)")
            }
        }
        return changes
    }

    private func depth(_ words: [String]) -> Script.Depth {
        if let host = Self.word(after: "direct", words) { return .direct(host: host) }
        guard let host = Self.word(after: "to", words) else { return .connected }
        return Self.word(after: "as", words).map { .signedIn(host: host, alias: $0) } ?? .opened(host: host)
    }

    // MARK: Words

    private static func word(after word: String, _ words: [String]) -> String? {
        guard let index = words.firstIndex(of: word), index + 1 < words.count else { return nil }
        return words[index + 1]
    }

    private static func settings(_ words: ArraySlice<String>) throws -> [(String, String)] {
        try words.map { word in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw ConversationFailure("\(word) is no setting") }
            return (String(parts[0]), String(parts[1]))
        }
    }

    /// Words are apart by blanks, but for those between double quotes.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
            } else if character.isWhitespace, !isQuoted {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    private static func duration(_ words: ArraySlice<String>) throws -> Duration {
        let units: [String: Int] = [
            "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "day": 86_400_000, "days": 86_400_000,
        ]
        guard words.count == 2, let number = words.first.flatMap({ Int($0) }),
            let unit = words.last.flatMap({ units[$0] })
        else { throw ConversationFailure("say a time such as `5 min`") }
        return .milliseconds(number * unit)
    }

    /// Lines as one text: an element that goes on in the next line stays one, and no line end gets into it.
    private static func joined(_ lines: [String]) -> String {
        var text = ""
        for line in lines {
            let line = String(line.drop { $0.isWhitespace })
            if !text.isEmpty, !text.hasSuffix(">") || !line.hasPrefix("<") { text += " " }
            text += line
        }
        return text.hasPrefix(" ") ? String(text.dropFirst()) : text
    }

    private static func unescaped(_ text: String) -> String {
        text.replacing("\\n", with: "\n").replacing("\\r", with: "\r").replacing("\\t", with: "\t")
            .replacing("\\0", with: "\0")
    }

    private static func outdented(_ lines: [String]) -> [String] {
        let width = lines.map { $0.prefix { $0.isWhitespace }.count }.min() ?? 0
        return lines.map { String($0.dropFirst(width)) }
    }
}
