import NIOCore
import XMPPServer

/// A run of a script on a server of its own.
public final class Conversation {
    let script: Script
    private(set) var server: TestServer
    /// What scripts can refer to as `{{name}}`.
    var known: [String: String] = [:]
    var clients: [(name: String, client: ScriptedClient)] = []
    private var stopping: Task<Void, Never>?
    /// However many tests run side by side, no client shall wait longer than its patience because of the others.
    private static let gate = Gate(places: 8)

    /// Runs a script to its end.
    ///
    /// - Throws: a `ConversationFailure` that shows the line, what was expected and what was received.
    /// - Parameter check: looks at the server when all has been said.
    public static func run(
        _ script: Script, on transport: Transport, check: (TestServer) async throws -> Void = { _ in }
    ) async throws {
        await gate.enter()
        defer { gate.leave() }
        let server = try await TestServer(script.configuration, transport: transport)
        let conversation = Conversation(script, server)
        do {
            try await conversation.setUp()
            try await conversation.run()
            try await check(conversation.server)
        } catch {
            await conversation.tearDown()
            throw error
        }
        await conversation.tearDown()
    }

    init(_ script: Script, _ server: TestServer) {
        self.script = script
        self.server = server
    }

    func setUp() async throws {
        var addresses: [String: JID] = [:]
        assignHomes()
        for person in script.people {
            try await server.add(person)
            addresses[person.alias] = person.jid
            known[person.alias] = person.jid.string
            known["\(person.alias).token"] = person.token
            known["\(person.alias).token.encoded"] = person.token
                .replacing("+", with: "%2b").replacing("/", with: "%2F").replacing("=", with: "%3D")
            known["\(person.alias).bearer"] = Base64.encode(
                Array("n,,\u{1}auth=Bearer \(person.token)\u{1}\u{1}".utf8))
            known["\(person.alias).id"] = person.account.accountID ?? ""
        }
        for line in script.rosters {
            guard let owner = addresses[line.owner], let contact = addresses[line.contact] ?? JID(line.contact) else {
                throw ConversationFailure("\(script.name): who are \(line.owner) and \(line.contact)?")
            }
            var item = RosterItem(
                jid: contact, name: line.name, groups: line.groups, state: line.state,
                isListed: line.state != .nonePendingIn, isApproved: line.isApproved)
            if line.state.hasPendingIn {
                item.invitation = Array(
                    "<presence xmlns=\"jabber:client\" type=\"subscribe\" from=\"\(contact)\" to=\"\(owner)\"/>".utf8)
            }
            try await server.put(item, inRosterOf: owner)
        }
    }

    func tearDown() async {
        for (_, client) in clients { await client.connection.close() }
        await stopping?.value
        await server.stop()
        await server.close()
    }

    private func run() async throws {
        for step in script.steps {
            do {
                try await perform(step.action)
            } catch {
                throw ConversationFailure("\(script.name).xmpp:\(step.line) (\(server.transport.rawValue)): \(error)")
            }
        }
    }

    private func perform(_ action: Script.Action) async throws {
        switch action {
        case .connect(let name, let depth, let listener):
            clients.append((name, try await connect(depth, listener, as: name)))
        case .connectComponent(let name, let domain):
            clients.append((name, try await connectComponent(domain)))
        case .signIn(let alias, let resource, let isOnline, let listener):
            try await signIn(alias, resource, isOnline: isOnline, listener)
        case .send(let name, let text):
            try await client(name).send(TextPattern.fill(text, known: known))
        case .receive(let name, let text, let inAnyOrder):
            try await receive(client(name), text, inAnyOrder: inAnyOrder)
        case .receiveText(let name, let text):
            let received = try await client(name).next()
            let text = try TextPattern.fill(text, known: known)
            guard received.description.contains(text) else {
                throw ConversationFailure("\n  expected to hold: \(text)\n  received: \(received)")
            }
        case .receiveNothing(let name):
            try await receiveNothing(client(name))
        case .ignoreRest(let name):
            try await settle()
            for client in try name.map({ [try client($0)] }) ?? clients.map(\.client) { client.pending = [] }
        case .beDisconnected(let name):
            let received = try await client(name).next()
            guard case .ended = received else {
                throw ConversationFailure("\n  expected: the end of the connection\n  received: \(received)")
            }
        case .close(let name):
            try await client(name).send("</stream:stream>")
        case .hangUp(let name):
            let client = try client(name)
            await client.connection.close()
            client.jid = nil
        case .startTLS(let name, let host):
            try await client(name).connection.startTLS(host: host)
        case .advance(let time):
            try await settle()
            await server.advance(by: time)
        case .setClock(let time):
            try await settle()
            server.clock.set(aheadBy: time)
        case .stopServer:
            stopping = Task { [server] in
                await withTaskGroup(of: Void.self) { tasks in
                    for server in server.servers { tasks.addTask { await server.stop() } }
                }
            }
        case .restartServer:
            await tearDown()
            clients = []
            server = try await TestServer(after: server)
        case .killServer:
            server.storage.failFromNowOn()
            await tearDown()
            clients = []
            server = try await TestServer(after: server)
        case .runJobs:
            try await settle()
            for server in server.servers { await server.runJobs() }
        case .failStorage(let fails):
            if fails { server.storage.failFromNowOn() } else { server.storage.recover() }
        case .invite(let inviter):
            try await invite(inviter)
        case .mint(let alias):
            try await mint(alias)
        case .administrate(let request):
            try await administrate(request)
        }
    }

    // MARK: Clients

    /// A client by its name, or by the name of its account if that has no other client.
    func client(_ name: String) throws -> ScriptedClient {
        if let client = clients.last(where: { $0.name == name })?.client { return client }
        let found = clients.filter { $0.name.split(separator: "/").first.map(String.init) == name }
        guard found.count == 1 else {
            throw ConversationFailure(found.isEmpty ? "there is no client \(name)" : "which client of \(name)?")
        }
        return found[0].client
    }

    // MARK: Receiving

    private func receive(_ client: ScriptedClient, _ text: String, inAnyOrder: Bool) async throws {
        if text == "</stream:stream>" {
            let received = try await client.next()
            guard case .closed = received else {
                throw ConversationFailure("\n  expected: </stream:stream>\n  received: \(received)")
            }
            return
        }
        if text.hasPrefix("<stream:stream") {
            let pattern = try ElementPattern.opening(text)
            let received = try await client.next()
            guard case .opened(let root) = received else {
                throw ConversationFailure("\n  expected: \(text)\n  received: \(received)")
            }
            try check([pattern], root)
            return
        }
        var patterns = try ElementPattern.all(text)
        guard !patterns.isEmpty else { throw ConversationFailure("nothing is expected") }
        while !patterns.isEmpty {
            let received = try await client.next(instead: patterns[0].source)
            guard case .element(let element) = received else {
                throw ConversationFailure("\n  expected: \(patterns[0].source)\n  received: \(received)")
            }
            patterns.remove(at: try check(inAnyOrder ? patterns : [patterns[0]], element))
        }
    }

    /// - Returns: the index of the pattern that the element matches.
    @discardableResult
    private func check(_ patterns: [ElementPattern], _ element: Element) throws -> Int {
        var problems: [String] = []
        for (index, pattern) in patterns.enumerated() {
            guard let problem = pattern.mismatch(element, known: &known) else { return index }
            problems.append("\n  expected: \(pattern.source)\n  but:      \(problem)")
        }
        throw ConversationFailure(problems.joined() + "\n  received: \(String(buffer: element.bytes))")
    }

    private func receiveNothing(_ client: ScriptedClient) async throws {
        guard client.jid != nil else { throw ConversationFailure("only who is signed in can tell that nothing comes") }
        try await settle()
        if let received = client.pending.first {
            throw ConversationFailure("\n  expected: nothing\n  received: \(received)")
        }
    }

    /// Waits until all that the clients have sent has been dealt with: everybody's ping comes back, then what the server's
    /// loops have handed to each other is delivered, and that twice, as what one client sends may make the server send
    /// something to another who answers for it.
    func settle() async throws {
        for _ in 0..<2 {
            for (_, client) in clients { try await client.ping() }
            try await server.passOn()
        }
        for (_, client) in clients { try await client.ping() }
    }
}
