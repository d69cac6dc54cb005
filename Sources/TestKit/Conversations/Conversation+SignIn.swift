import Crypto
import NIOCore
import XMPPServer

/// What every client does before it comes to what a script is about.
extension Conversation {
    func connect(_ depth: Script.Depth, _ listener: String?, as name: String = "") async throws -> ScriptedClient {
        switch depth {
        case .connected:
            return ScriptedClient(try await server.connect(to: listener, at: home(ofConnection: name)))
        case .direct(let host):
            return ScriptedClient(try await server.connect(to: listener, tls: host, at: home(ofConnection: name)))
        case .opened(let host):
            let client = ScriptedClient(try await server.connect(to: listener, at: home(ofConnection: name)))
            _ = try await open(client, host)
            return client
        case .signedIn(let host, let alias):
            let person = try person(alias)
            let client = ScriptedClient(
                try await server.connect(to: listener, at: server.homes.home(of: person.jid)))
            try await authenticate(client, as: person, at: host)
            return client
        }
    }

    /// Whom a connection signs in as, by what the script has it say.
    private func people(ofConnection name: String) -> [TestAccount] {
        script.people.filter { person in
            let plain = Array("\0\(person.jid.local ?? "")\0\(TestAccount.password)".utf8)
            let names = [
                "{{\(person.alias).", "{{proof \(person.alias) ", "{{scram \(person.alias) ", Base64.encode(plain),
            ]
            return script.steps.contains { step in
                guard case .send(name, let text) = step.action else { return false }
                return names.contains { text.contains($0) }
            }
        }
    }

    private func home(ofConnection name: String) -> Int {
        people(ofConnection: name).first.map { server.homes.home(of: $0.jid) } ?? 0
    }

    /// Has every second person of a domain be at home at every second server; whoever signs in by the same connection shares
    /// a home.
    func assignHomes() {
        var count: [String: Int] = [:]
        for person in script.people {
            let before = count[person.jid.domain, default: 0]
            count[person.jid.domain] = before + 1
            server.homes.assign(person.jid, to: before % server.servers.count)
        }
        for step in script.steps {
            guard case .connect(let name, _, _) = step.action, let first = people(ofConnection: name).first else {
                continue
            }
            let home = server.homes.home(of: first.jid)
            for person in people(ofConnection: name) { server.homes.assign(person.jid, to: home) }
        }
    }

    func signIn(_ alias: String, _ resource: String?, isOnline: Bool, _ listener: String?) async throws {
        let person = try person(alias)
        let client = ScriptedClient(try await server.connect(to: listener, at: server.homes.home(of: person.jid)))
        try await authenticate(client, as: person, at: person.jid.domain)
        let wish = resource.map { "<resource>\($0)</resource>" } ?? ""
        try await client.send(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\(wish)</bind></iq>")
        let reply = try await element(client)
        guard let bound = reply.child("bind", .bind)?.child("jid", .bind)?.text, let jid = JID(bound) else {
            throw ConversationFailure("no resource was bound: \(String(buffer: reply.bytes))")
        }
        client.jid = jid
        let name = resource.map { "\(alias)/\($0)" } ?? alias
        known[resource == nil ? "\(alias)/" : name] = bound
        clients.append((name, client))
        guard isOnline else { return }
        try await client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        try await settle()
        for (_, client) in clients { client.pending = [] }
    }

    /// XEP-0114 §3, with the secret that the configuration has.
    func connectComponent(_ domain: String) async throws -> ScriptedClient {
        let components = server.server.configuration.hosts.flatMap(\.components)
        guard let secret = components.first(where: { $0.domain == domain })?.secret.value else {
            throw ConversationFailure("no host has a component \(domain)")
        }
        let client = ScriptedClient(try await server.connect(to: TestServer.componentListener))
        try await client.send(
            "<stream:stream xmlns='jabber:component:accept' "
                + "xmlns:stream='http://etherx.jabber.org/streams' to='\(domain)'>")
        guard case .opened(let root) = try await client.next() else {
            throw ConversationFailure("the server opens no stream for \(domain)")
        }
        let proof = Insecure.SHA1.hash(data: Array(((root["id"] ?? "") + secret).utf8))
        let digits = proof.map { byte in String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }.joined()
        try await client.send("<handshake>\(digits)</handshake>")
        let reply = try await element(client)
        guard reply.hasName("handshake") else { throw unexpected(reply) }
        client.jid = JID(domain)
        return client
    }

    private func person(_ alias: String) throws -> TestAccount {
        guard let person = script.people.first(where: { $0.alias == alias }) else {
            throw ConversationFailure("who is \(alias)?")
        }
        return person
    }

    /// Opens a stream that is ready for sign-in.
    ///
    /// - Returns: its features.
    private func open(_ client: ScriptedClient, _ host: String) async throws -> Element {
        let features = try await features(client, host)
        guard features.hasChild("starttls", .tls) else { return features }
        try await client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        let reply = try await element(client)
        guard reply.isNamed("proceed", .tls) else { throw unexpected(reply) }
        try await client.connection.startTLS(host: host)
        return try await self.features(client, host)
    }

    private func features(_ client: ScriptedClient, _ host: String) async throws -> Element {
        try await client.send(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                + "xmlns:stream='http://etherx.jabber.org/streams' to='\(host)' version='1.0'>")
        let header = try await client.next()
        guard case .opened = header else { throw ConversationFailure("expected a stream, received \(header)") }
        let features = try await element(client)
        guard features.isNamed("features", .streams) else { throw unexpected(features) }
        return features
    }

    private func authenticate(_ client: ScriptedClient, as person: TestAccount, at host: String) async throws {
        let features = try await open(client, host)
        let mechanisms = features.child("mechanisms", .sasl)?.children.map(\.text) ?? []
        let (mechanism, message): (String, String) =
            if mechanisms.contains("X-MESSENGER-OAUTH2") {
                ("X-MESSENGER-OAUTH2", person.token)
            } else {
                ("PLAIN", Base64.encode(Array("\0\(person.jid.local ?? "")\0\(TestAccount.password)".utf8)))
            }
        try await client.send(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='\(mechanism)'>\(message)</auth>")
        let reply = try await element(client)
        guard reply.isNamed("success", .sasl) else { throw unexpected(reply) }
        _ = try await self.features(client, host)
    }

    private func element(_ client: ScriptedClient) async throws -> Element {
        let received = try await client.next()
        guard case .element(let element) = received else {
            throw ConversationFailure("expected an element, received \(received)")
        }
        return element
    }

    private func unexpected(_ element: Element) -> ConversationFailure {
        ConversationFailure("did not expect \(String(buffer: element.bytes))")
    }
}
