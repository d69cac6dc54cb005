import Testing
import XMPPServer

@testable import TestKit
@testable import XMPPModules

/// Bookmarks that several clients write at once, in different forms, or that the server has not brought together in time.
@Suite(.timeLimit(.minutes(5))) struct BookmarkFaultTests {
    private static let node = Bookmarks.namespace.name
    private static let listNode = "storage:bookmarks"

    private static let script = Result { try Script(name: "bookmarks", text: "contacts romeo juliet") }

    private struct Fixture {
        let talk: Conversation
        let host: Host
        let record: AccountRecord
        let pep: PersonalEventing
        let bookmarks: Bookmarks

        init(_ talk: Conversation) async throws {
            self.talk = talk
            try await talk.signIn("romeo", "pc", isOnline: true, nil)
            try await talk.settle()
            host = try #require(talk.server.server.hosts["localhost"])
            let jid = try #require(JID("romeo@localhost"))
            record = try #require(try await host.find(jid).get())
            pep = try #require(host.personalEventing)
            bookmarks = try #require(host.modules.lazy.compactMap { $0 as? Bookmarks }.first)
        }

        /// A client publishes, and has its answer.
        func publish(_ node: String, _ id: String, _ payload: String, options: String = "") async throws {
            let answer = try await talk.ask(
                "romeo",
                """
                <iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='\(node)'>\
                <item id='\(id)'>\(payload)</item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>\
                <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
                <field var='pubsub#access_model'><value>whitelist</value></field>\(options)</x></publish-options></pubsub></iq>
                """, "p")
            #expect(answer["type"] == "result")
        }

        func publish(list rooms: String...) async throws {
            try await publish(BookmarkFaultTests.listNode, "current", BookmarkFaultTests.list(rooms))
        }

        func publish(_ room: String) async throws {
            let node = BookmarkFaultTests.node
            try await publish(
                node, BookmarkFaultTests.address(room), "<conference xmlns='\(node)'/>",
                options: "<field var='pubsub#max_items'><value>max</value></field>")
        }

        /// A client writes a list as private XML.
        func set(list rooms: String...) async throws {
            let answer = try await talk.ask(
                "romeo",
                """
                <iq type='set' id='s'><query xmlns='jabber:iq:private'>\(BookmarkFaultTests.list(rooms))</query></iq>
                """, "s")
            #expect(answer["type"] == "result")
        }

        /// What each form says.
        func shown() async throws -> [[String]] {
            try await talk.settle()
            let items = try await pep.items(of: BookmarkFaultTests.node, of: record, newest: 10).map(\.id)
            let list = try await pep.items(of: BookmarkFaultTests.listNode, of: record, newest: 1).last?.payload
            return [items, list?.children.compactMap { $0["jid"] } ?? []].map { addresses in
                addresses.map { String($0.prefix { $0 != "@" }) }.sorted()
            }
        }
    }

    private static func address(_ room: String) -> String { "\(room)@chat.localhost" }

    private static func list(_ rooms: [String]) -> String {
        let conferences = rooms.map { "<conference jid='\(address($0))'/>" }.joined()
        return "<storage xmlns='storage:bookmarks'>\(conferences)</storage>"
    }

    private func withRomeo(_ body: (Fixture) async throws -> Void) async throws {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration))
        try await talk.setUp()
        try await body(try await Fixture(talk))
        await talk.tearDown()
    }

    @Test("A list takes away no bookmark of which its client did not know") func aBookmarkBetween() async throws {
        try await withRomeo { romeo in
            var place: OneAtATime<JID>.Place? = romeo.bookmarks.turns.place(for: romeo.record.jid)
            #expect(place != nil)
            try await romeo.publish(list: "coven", "forest")
            try await romeo.publish("orchard")
            place = nil
            #expect(try await romeo.shown() == Array(repeating: ["coven", "forest", "orchard"], count: 2))
            // What the client does know of it takes away.
            place = romeo.bookmarks.turns.place(for: romeo.record.jid)
            try await romeo.publish("tomb")
            try await romeo.publish(list: "coven", "orchard")
            place = nil
            #expect(try await romeo.shown() == Array(repeating: ["coven", "orchard", "tomb"], count: 2))
            try await romeo.set(list: "tomb")
            #expect(try await romeo.shown() == [["tomb"], ["tomb"]])
        }
    }

    @Test("A list that comes while another one is shown is not overwritten") func aListBetween() async throws {
        try await withRomeo { romeo in
            try await romeo.publish(list: "coven")
            #expect(try await romeo.shown() == [["coven"], ["coven"]])
            let storage = romeo.talk.server.storage
            storage.holdCommits()
            let client = try romeo.talk.client("romeo")
            func send(_ node: String, _ id: String, _ payload: String) async throws {
                try await client.send(
                    """
                    <iq type='set' id='a'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='\(node)'>\
                    <item id='\(id)'>\(payload)</item></publish></pubsub></iq>
                    """)
            }
            try await send(Self.node, Self.address("orchard"), "<conference xmlns='\(Self.node)'/>")
            await storage.commitIsHeld()
            // Its turn is before that of the list which the server is about to show.
            try await send(Self.listNode, "current", Self.list(["coven", "forest"]))
            try await client.ping()
            storage.releaseCommits()
            var answers = 0
            while answers < 2 {
                guard case .element(let element) = try await client.next() else { continue }
                if element["id"] == "a" { answers += 1 }
            }
            #expect(try await romeo.shown() == Array(repeating: ["coven", "forest", "orchard"], count: 2))
        }
    }

    @Test("What could not be brought together is at the next sign-in, after a restart too", arguments: [false, true])
    func aStorageThatFails(_ restarts: Bool) async throws {
        try await withRomeo { romeo in
            try await romeo.publish(list: "coven", "forest")
            #expect(try await romeo.shown() == [["coven", "forest"], ["coven", "forest"]])
            romeo.talk.server.storage.failCommits(after: 1)
            try await romeo.publish(list: "coven", "orchard")
            #expect(try await romeo.shown() == [["coven", "forest"], ["coven", "orchard"]])
            romeo.talk.server.storage.recover()
            guard restarts else {
                try await romeo.talk.client("romeo").send("<presence/>")
                #expect(try await romeo.shown() == [["coven", "orchard"], ["coven", "orchard"]])
                return
            }
            for (_, client) in romeo.talk.clients { await client.connection.close() }
            await romeo.talk.server.stop()
            await romeo.talk.server.close()
            let next = Conversation(try Self.script.get(), try await TestServer(after: romeo.talk.server))
            next.known = romeo.talk.known
            let again = try await Fixture(next)
            #expect(try await again.shown() == [["coven", "orchard"], ["coven", "orchard"]])
            await next.tearDown()
        }
    }
}
