import Testing
import XMPPServer

@testable import TestKit

/// An answer is one stanza, however much is asked for: it ends before clients refuse it, and the next page has the rest.
@Suite struct AnswerSizeTests {
    private static let count = 6
    private static let text = String(repeating: "x", count: 60_000)
    /// Two of the texts, with what stands around them.
    private static let bound = 2 * 60_000 + 4_096
    private static let resultSet: Namespace = "http://jabber.org/protocol/rsm"
    private static let pubSub: Namespace = "http://jabber.org/protocol/pubsub"

    private static let script = Result {
        try Script(
            name: "large answers",
            text: """
                host localhost standard
                  modules: {message-archiving: {complete: on}}
                  limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                host messenger.localhost messenger
                contacts romeo juliet
                """)
    }

    private func withRomeo(_ body: (ScriptedClient, Conversation) async throws -> Void) async throws {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration, transport: .memory))
        try await talk.setUp()
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        try await body(try talk.client("romeo"), talk)
        await talk.tearDown()
    }

    private func answer(to request: String, _ client: ScriptedClient) async throws -> Element {
        try await client.send(request)
        while case .element(let element) = try await client.next() {
            if element["id"] == "q" { return element }
        }
        throw CancellationError()
    }

    /// Reads all pages, each within the bound.
    ///
    /// - Parameters:
    ///   - request: makes the request for a page from its `<set/>`.
    ///   - items: what a page has, with the element that has its `<set/>`.
    private func readAll(
        _ client: ScriptedClient, backward: Bool, _ request: (String) -> String,
        _ items: (Element) -> (found: [Element], around: Element?)
    ) async throws -> Int {
        var (count, place) = (0, backward ? "<before/>" : "")
        while count < Self.count {
            let set = "<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>\(place)</set>"
            let page = try await answer(to: request(set), client)
            #expect(page.byteCount <= Self.bound)
            let (found, around) = items(page)
            #expect(found.count == 2)
            guard !found.isEmpty, let position = around?.child("set", Self.resultSet) else { break }
            count += found.count
            let name: StaticString = backward ? "first" : "last"
            let id = position.child(name, Self.resultSet)?.text ?? ""
            place = backward ? "<before>\(id)</before>" : "<after>\(id)</after>"
            #expect(position.child("count", Self.resultSet)?.text == "\(Self.count)")
            if let index = position.child("first", Self.resultSet)?["index"] {
                #expect(index == "\(backward ? Self.count - count : count - found.count)")
            }
        }
        return count
    }

    @Test(arguments: [false, true]) func conversation(backward: Bool) async throws {
        try await withRomeo { client, talk in
            let juliet = try #require(talk.known["juliet"])
            for _ in 0..<Self.count {
                try await client.send("<message to='\(juliet)' type='chat'><body>\(Self.text)</body></message>")
            }
            try await talk.settle()
            let count = try await readAll(client, backward: backward) { set in
                "<iq type='get' id='q'><retrieve xmlns='urn:xmpp:archive' with='\(juliet)' start='2012-04-26T10:00:00Z'>"
                    + "\(set)</retrieve></iq>"
            } _: { page in
                let chat = page.child("chat", "urn:xmpp:archive")
                return (chat?.children.filter { $0.isNamed("to", "urn:xmpp:archive") } ?? [], chat)
            }
            #expect(count == Self.count)
        }
    }

    @Test(arguments: ["modification", "creation"], [false, true])
    func nodes(order: String, backward: Bool) async throws {
        try await withRomeo { client, _ in
            for number in 0..<Self.count {
                let published = try await answer(
                    to: "<iq type='set' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>"
                        + "<item id='\(number)'><a xmlns='urn:a'>\(Self.text)</a></item></publish><publish-options>"
                        + "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#max_items'><value>max</value></field>"
                        + "</x></publish-options></pubsub></iq>", client)
                #expect(published["type"] == "result")
            }
            let count = try await readAll(client, backward: backward) { set in
                "<iq type='get' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/>"
                    + "<order xmlns='urn:xmpp:order-by:1' by='\(order)'/>\(set)</pubsub></iq>"
            } _: { page in
                let pubsub = page.child("pubsub", Self.pubSub)
                let items = pubsub?.child("items", Self.pubSub)
                return (items?.children.filter { $0.isNamed("item", Self.pubSub) } ?? [], pubsub)
            }
            #expect(count == Self.count)
        }
    }

    /// Items that are asked for by name are as many as fit, in one answer.
    @Test func namedItems() async throws {
        try await withRomeo { client, _ in
            for number in 0..<Self.count {
                _ = try await answer(
                    to: "<iq type='set' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>"
                        + "<item id='\(number)'><a xmlns='urn:a'>\(Self.text)</a></item></publish><publish-options>"
                        + "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#max_items'><value>max</value></field>"
                        + "</x></publish-options></pubsub></iq>", client)
            }
            let names = (0..<Self.count).map { "<item id='\($0)'/>" }.joined()
            let page = try await answer(
                to: "<iq type='get' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'>\(names)"
                    + "</items></pubsub></iq>", client)
            #expect(page["type"] == "result" && page.byteCount <= Self.bound)
        }
    }
}
