import NIOCore
import Testing

@testable import TestKit
@testable import XMPPServer

/// Two people at home on two servers, and a way between those that refuses, or loses what it takes: whoever sends learns what
/// became of it, once.
@Suite(.timeLimit(.minutes(5))) struct TwoHomesTests {
    private static let script = Result {
        try Script(
            name: "two homes",
            text: """
                host localhost standard
                  components: {irc.localhost: {secret: component-secret}}
                  limits: {parallel-requests: 3}
                contacts romeo juliet
                """)
    }

    /// romeo is at home on the first server, juliet on the second one.
    private func talk() async throws -> Conversation {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration, transport: .homes))
        try await talk.setUp()
        let homes = ["romeo", "juliet"].compactMap { JID(talk.known[$0] ?? "") }.map(talk.server.homes.home)
        #expect(homes == [0, 1])
        return talk
    }

    /// What a client receives until the element with that id, itself included.
    private func elements(_ client: ScriptedClient, upTo id: String) async throws -> [Element] {
        var elements: [Element] = []
        while case .element(let element) = try await client.next() {
            elements.append(element)
            if element["id"] == id { break }
        }
        return elements
    }

    private func condition(_ element: Element?) -> String? {
        element?.child("error", .client)?.firstChild?.name
    }

    private func message(_ id: String, to: String) -> String {
        "<message type='chat' id='\(id)' to='\(to)'><body>\(id)</body></message>"
    }

    @Test func aWayThatRefuses() async throws {
        let talk = try await talk()
        try await talk.signIn("juliet", "balcony", isOnline: true, nil)
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let (romeo, juliet) = (try talk.client("romeo"), try talk.client("juliet"))
        talk.server.homes.ways = .refusing
        for stanza in [
            message("m", to: "juliet@localhost"), "<presence id='p' to='juliet@localhost'/>",
            "<iq type='get' id='q' to='juliet@localhost/balcony'><query xmlns='urn:example'/></iq>",
        ] { try await romeo.send(stanza) }
        let refused = try await elements(romeo, upTo: "q")
        #expect(refused.map { $0["id"] } == ["m", "p", "q"])
        #expect(refused.map(condition) == Array(repeating: "resource-constraint", count: 3))
        talk.server.homes.ways = .open
        try await romeo.send(message("n", to: "juliet@localhost"))
        #expect(try await elements(juliet, upTo: "n").map { $0["id"] } == ["n"])
        try await talk.settle()
        #expect(romeo.pending.isEmpty && juliet.pending.isEmpty)
        await talk.tearDown()
    }

    @Test(arguments: [Homes.Ways.losing, .losingAnswers]) func aWayThatLoses(_ ways: Homes.Ways) async throws {
        let talk = try await talk()
        try await talk.signIn("juliet", "balcony", isOnline: true, nil)
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let (romeo, juliet) = (try talk.client("romeo"), try talk.client("juliet"))
        talk.server.homes.ways = ways
        try await romeo.send(message("m", to: "juliet@localhost"))
        await talk.server.advance(by: .seconds(1))
        try await romeo.send("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
        if ways == .losingAnswers { #expect(try await elements(juliet, upTo: "m").map { $0["id"] } == ["m"]) }
        // What is asked behind the message waits as long as it does.
        let host = try #require(talk.server.server.hosts["localhost"])
        await talk.server.advance(by: host.configuration.limits.requestTime - .seconds(1))
        let received = try await elements(romeo, upTo: "ping")
        #expect(received.map { $0["id"] } == ["m", "ping"])
        #expect(condition(received.first) == "remote-server-timeout")
        talk.server.homes.ways = .open
        try await talk.settle()
        #expect(romeo.pending.isEmpty && juliet.pending.isEmpty)
        await talk.tearDown()
    }

    @Test func acknowledgementsWaitForAcceptance() async throws {
        let talk = try await talk()
        try await talk.signIn("romeo", "pc", isOnline: false, nil)
        let romeo = try talk.client("romeo")
        try await romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        _ = try await romeo.next()
        talk.server.storage.holdCommits()
        try await romeo.send(message("m", to: "juliet@localhost") + "<r xmlns='urn:xmpp:sm:3'/>")
        await talk.server.storage.commitIsHeld()
        #expect(await romeo.connection.inbox.next(within: .milliseconds(200)) == nil)
        talk.server.storage.releaseCommits()
        guard case .element(let answer) = try await romeo.next() else { throw ConversationFailure("no answer") }
        #expect(answer.isNamed("a", .streamManagement) && answer["h"] == "1")
        await talk.tearDown()
    }

    @Test func whatComesToAnAccountThatIsReadStaysInOrder() async throws {
        let talk = try await talk()
        try await talk.signIn("romeo", "pc", isOnline: false, nil)
        let romeo = try talk.client("romeo")
        let ids = (1...100).map { "m\($0)" }
        for id in ids { try await romeo.send(message(id, to: "juliet@localhost")) }
        try await talk.settle()
        try await talk.signIn("juliet", "balcony", isOnline: false, nil)
        let juliet = try talk.client("juliet")
        try await juliet.send("<presence/>")
        let received = try await elements(juliet, upTo: "m100").filter { $0.hasName("message") }
        #expect(received.map { $0["id"] } == ids)
        #expect(romeo.pending.isEmpty)
        await talk.tearDown()
    }

    @Test func aFailureAtTheRecipientsHome() async throws {
        let talk = try await talk()
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let romeo = try talk.client("romeo")
        talk.server.storage.failCommits()
        try await romeo.send(message("m", to: "juliet@localhost"))
        #expect(condition(try await elements(romeo, upTo: "m").last) == "internal-server-error")
        talk.server.storage.recover()
        try await talk.settle()
        #expect(romeo.pending.isEmpty)
        await talk.tearDown()
    }

    /// Whoever waits for the other server when this one stops is told before its stream ends.
    @Test func theEndOfAServer() async throws {
        let talk = try await talk()
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let romeo = try talk.client("romeo")
        talk.server.homes.ways = .losing
        try await romeo.send(message("m", to: "juliet@localhost"))
        let stopping = Task { [server = talk.server.server] in await server.stop() }
        #expect(condition(try await elements(romeo, upTo: "m").last) == "remote-server-timeout")
        await talk.tearDown()
        await stopping.value
    }

    /// However many messages a component sends to another server, few wait for that: meanwhile nothing more is read.
    @Test func aComponentIsHeldBack() async throws {
        let talk = try await talk()
        let component = try await talk.connectComponent("irc.localhost")
        let host = try #require(talk.server.server.hosts["localhost"])
        talk.server.homes.ways = .losing
        let messages = (1...10).map {
            "<message id='m\($0)' from='irc.localhost' to='juliet@localhost'><body>x</body></message>"
        }
        try await component.send(messages.joined())
        for _ in 1...3 {
            await talk.server.advance(by: host.configuration.limits.requestTime)
            for _ in 1...3 {
                guard case .element(let element) = try await component.next() else { throw CancellationError() }
                #expect(condition(element) == "remote-server-timeout")
            }
            #expect(await component.connection.inbox.next(within: .milliseconds(100)) == nil)
        }
        talk.server.homes.ways = .open
        await component.connection.close()
        await talk.tearDown()
    }

    /// Of the server's own messages nobody hears, so none is kept for an answer.
    @Test func messagesOfTheServersOwn() async throws {
        let talk = try await talk()
        try await talk.signIn("juliet", "balcony", isOnline: true, nil)
        let router = talk.server.server.router
        let host = try #require(router.hosts["localhost"])
        let (romeo, juliet) = (try #require(JID("romeo@localhost")), try #require(JID("juliet@localhost/balcony")))
        let bytes = ByteBuffer(string: "<message xmlns='jabber:client' type='headline' id='n'/>")
        router.route(try #require(host.stanza(fromOwn: bytes, "a test")), from: romeo, to: juliet, host: host)
        #expect(router.crossings.numbers.isEmpty)
        #expect(try await elements(talk.client("juliet"), upTo: "n").last?["from"] == "romeo@localhost")
        await talk.tearDown()
    }
}
