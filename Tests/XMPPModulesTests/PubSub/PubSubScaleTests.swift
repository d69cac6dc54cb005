import TestKit
import Testing
import XMPP
import XMPPServer

@testable import XMPPModules

/// What a service with many nodes does for one of them.
@Suite struct PubSubScaleTests {
    /// What a change or a page asks of the storage.
    private struct Cost: Equatable {
        let creating: Int
        let publishing: Int
        let reading: Int
        let listing: Int
    }

    /// It does not depend on how many nodes there are, of whomever.
    @Test func nodesByTheThousand() async throws {
        let script = try Script(
            name: "nodes",
            text: """
                host localhost standard
                  modules: {pubsub: {nodes: 100000}}
                """)
        try await Conversation.run(script, on: .memory) { server in
            let host = try #require(server.server.hosts["localhost"])
            let module = try #require(host.modules.lazy.compactMap { $0 as? PubSub }.first)
            let (engine, home) = (module.engine, try #require(module.home))
            let romeo = try #require(JID("romeo@localhost/pc"))
            func create(_ names: ClosedRange<Int>) async {
                for name in names { _ = await engine.create("n\(name)", nil, at: home, by: romeo) }
            }
            func cost(_ node: Int) async throws -> Cost {
                let query = try Element(ownOutput: Array("<query/>".utf8))
                return Cost(
                    creating: try await server.storage.countCalls { await create(node...node) },
                    publishing: try await server.storage.countCalls {
                        let publication = PubSubEngine.Publication(node: "n\(node)", items: [("1", query)])
                        #expect(await engine.publish(publication, at: home, by: romeo).error == nil)
                    },
                    reading: try await server.storage.countCalls {
                        #expect(await engine.items(.init(node: "n\(node)"), at: home, for: romeo).error == nil)
                    },
                    listing: try await server.storage.countCalls {
                        #expect(await engine.page(of: home, for: romeo, query).error == nil)
                    })
            }
            await create(1...10)
            let first = try await cost(11)
            await create(12...3000)
            let last = try await cost(3001)
            #expect(first == last && last.publishing <= 4 && last.reading <= 2)
        }
    }

    /// Who is told is read by pages; nothing is read for each of them.
    @Test func notificationsToMany() async throws {
        let script = try Script(name: "subscribers", text: "host localhost standard\n")
        try await Conversation.run(script, on: .memory) { server in
            let host = try #require(server.server.hosts["localhost"])
            let module = try #require(host.modules.lazy.compactMap { $0 as? PubSub }.first)
            let (engine, home) = (module.engine, try #require(module.home))
            let romeo = try #require(JID("romeo@localhost/pc"))
            _ = await engine.create("news", nil, at: home, by: romeo)
            let payload = try Element(ownOutput: Array("<news/>".utf8))
            func publishing() async throws -> Int {
                try await server.storage.countCalls {
                    let publication = PubSubEngine.Publication(node: "news", items: [("1", payload)])
                    #expect(await engine.publish(publication, at: home, by: romeo).error == nil)
                }
            }
            var count = 0
            func subscribe(upTo number: Int) async throws {
                for index in count..<number {
                    let jid = try #require(JID("reader\(index)@localhost"))
                    let reply = await engine.subscribe(jid, to: "news", nil, isPublic: false, at: home, by: jid)
                    #expect(reply.error == nil)
                }
                count = number
            }
            _ = try await publishing()
            let none = try await publishing()
            try await subscribe(upTo: 1)
            let one = try await publishing()
            try await subscribe(upTo: 400)
            let many = try await publishing()
            try await subscribe(upTo: 600)
            let more = try await publishing()
            // That nobody has subscribed is known until somebody does.
            #expect([one, many, more] == [none + 1, none + 1, none + 2])
        }
    }

    /// What an account publishes costs one commit, whoever is told.
    @Test func personalNodes() async throws {
        let script = try Script(name: "personal", text: "host localhost standard\n")
        try await Conversation.run(script, on: .memory) { server in
            let host = try #require(server.server.hosts["localhost"])
            let pep = try #require(host.personalEventing)
            let jid = try #require(JID("romeo@localhost"))
            let romeo = try #require(await pep.engine.account(jid))
            let payload = try Element(ownOutput: Array("<tune/>".utf8))
            for expected in [nil, 1, 1] {
                let calls = await server.storage.countCalls {
                    #expect(await pep.publish([.init(id: "1", payload: payload)], to: "tune", of: romeo) == nil)
                }
                if let expected { #expect(calls == expected) }
            }
        }
    }
}
