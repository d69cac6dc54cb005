import Crypto
import NIOCore
import XMPPServer

/// What every client does before it comes to what a script is about.
extension Conversation {
    func connect(_ depth: Script.Depth, _ listener: String?) async throws -> ScriptedClient {
        switch depth {
        case .connected:
            return ScriptedClient(try await server.connect(to: listener))
        case .direct(let host):
            return ScriptedClient(try await server.connect(to: listener, tls: host))
        case .opened(let host):
            let client = ScriptedClient(try await server.connect(to: listener))
            _ = try await open(client, host)
            return client
        case .signedIn(let host, let alias):
            let client = ScriptedClient(try await server.connect(to: listener))
            try await authenticate(client, as: person(alias), at: host)
            return client
        }
    }

    func signIn(_ alias: String, _ resource: String?, isOnline: Bool, _ listener: String?) async throws {
        let person = try person(alias)
        let client = ScriptedClient(try await server.connect(to: listener))
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
