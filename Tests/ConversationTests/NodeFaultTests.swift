import NIOCore
import Testing
import XMPPServer

@testable import TestKit
@testable import XMPPModules

/// Nodes of a service when changes meet each other, or are cut short.
@Suite(.timeLimit(.minutes(5))) struct NodeFaultTests {
    private struct Fixture {
        let talk: Conversation
        let engine: PubSubEngine
        let home: NodeHome
        let romeo: JID
        let juliet: JID

        var host: Host { engine.host }

        init(nodes: Int = 100) async throws {
            let script = try Script(
                name: "nodes",
                text: """
                    host localhost standard
                      modules: {pubsub: {nodes: \(nodes)}}
                    """)
            talk = Conversation(script, try await TestServer(script.configuration))
            try await talk.setUp()
            let host = try #require(talk.server.server.hosts["localhost"])
            let module = try #require(host.modules.lazy.compactMap { $0 as? PubSub }.first)
            engine = module.engine
            home = try #require(module.home)
            romeo = try #require(JID("romeo@localhost"))
            juliet = try #require(JID("juliet@localhost"))
        }

        func create(_ node: String, by creator: JID) async -> StanzaError? {
            await engine.create(node, nil, at: home, by: creator).error
        }

        /// The nodes to which somebody is subscribed.
        func subscriptions(of jid: JID) async throws -> [String] {
            guard case .result(let write) = await engine.subscriptions(of: jid, to: nil, at: home) else { return ["?"] }
            var writer = XMLWriter(contentNamespace: .none)
            write(&writer)
            let answer = try Element(ownOutput: Array(writer.finish().readableBytesView))
            return answer.firstChild?.children.compactMap { $0["node"] } ?? ["?"]
        }

        func subscribe(_ jid: JID, to node: String) async -> StanzaError? {
            await engine.subscribe(jid, to: node, nil, isPublic: false, at: home, by: jid).error
        }

        func exists(_ node: String) async throws -> Bool {
            try await engine.nodes.get(engine.nodesMap(home), key: node) != nil
        }
    }

    @Test func manyAreCreatedAtOnce() async throws {
        let service = try await Fixture(nodes: 5)
        let (engine, home, romeo) = (service.engine, service.home, service.romeo)
        let made = await withTaskGroup(of: StanzaError?.self) { tasks in
            for number in 0..<40 {
                tasks.addTask { await engine.create("n\(number)", nil, at: home, by: romeo).error }
            }
            return await tasks.reduce(into: 0) { count, error in if error == nil { count += 1 } }
        }
        #expect(made == 5)
        // Whatever is deleted makes room for another one.
        let names = try await service.engine.nodes.page(MapQuery(service.engine.nodesMap(service.home), limit: 9))?
            .items
        let name = try #require(names?.first?.key)
        #expect(await service.engine.delete(name, redirect: nil, at: service.home, by: service.romeo).error == nil)
        #expect(await service.create("a", by: service.romeo) == nil)
        #expect(await service.create("b", by: service.romeo) != nil)
        await service.talk.tearDown()
    }

    @Test func aDeletionThatIsCutShort() async throws {
        let service = try await Fixture()
        #expect(await service.create("n", by: service.romeo) == nil)
        #expect(await service.subscribe(service.juliet, to: "n") == nil)
        service.talk.server.storage.failCommits(after: 1)
        #expect(await service.engine.delete("n", redirect: nil, at: service.home, by: service.romeo).error == nil)
        service.talk.server.storage.recover()
        #expect(try await service.subscriptions(of: service.juliet).isEmpty)
        // The same name again, and again cut short: whoever has subscribed to the former node has not to the new one.
        #expect(await service.create("n", by: service.romeo) == nil)
        #expect(await service.subscribe(service.juliet, to: "n") == nil)
        service.talk.server.storage.failCommits(after: 1)
        #expect(await service.engine.delete("n", redirect: nil, at: service.home, by: service.romeo).error == nil)
        service.talk.server.storage.recover()
        #expect(await service.create("n", by: service.romeo) == nil)
        #expect(try await service.subscriptions(of: service.juliet).isEmpty)
        let ending = try await service.engine.nodes.page(MapQuery(service.engine.endingMap(service.home), limit: 1))
        #expect(ending?.items.isEmpty == true)
        await service.talk.tearDown()
    }

    @Test func aRemovalMeetsACreation() async throws {
        let service = try await Fixture()
        let host = service.host
        let record = try #require(try await host.find(service.romeo).get())
        let storage = service.talk.server.storage
        storage.holdCommits()
        let (engine, home, romeo) = (service.engine, service.home, service.romeo)
        let creation = Task { await engine.create("n", nil, at: home, by: romeo).error }
        await storage.commitIsHeld()
        let removal = Task { await host.remove(romeo) }
        while !host.accounts.isLeaving(service.romeo) { await Task.yield() }
        storage.releaseCommits()
        #expect(await creation.value == nil)
        try await removal.value.get()
        #expect(try await !service.exists("n"), "what was made while the removal began goes with the account")
        // Something of the account is under way still.
        #expect(await service.create("late", by: service.romeo) == .forbidden)
        #expect(await service.subscribe(service.romeo, to: "n") != nil)
        let own = await host.personalEventing?.publish([.init(id: "1", payload: nil)], to: "mine", of: record)
        #expect(own != nil)
        #expect(try await service.engine.nodes.maps(of: service.romeo, atMost: 1).isEmpty)
        await service.talk.tearDown()
    }

    @Test func whatIsPassedOnCountsForAnOwner() async throws {
        let service = try await Fixture(nodes: 1)
        #expect(await service.create("n", by: service.romeo) == nil)
        let error = await service.engine.setAffiliations(
            [(service.juliet, .owner)], with: "n", at: service.home, by: service.romeo
        ).error
        #expect(error == nil)
        try await service.host.remove(service.romeo).get()
        #expect(try await service.exists("n"))
        #expect(await service.create("own", by: service.juliet) != nil)
        #expect(await service.engine.delete("n", redirect: nil, at: service.home, by: service.juliet).error == nil)
        #expect(await service.create("own", by: service.juliet) == nil)
        await service.talk.tearDown()
    }

    @Test("Nothing is kept of what removed accounts had to do with at others' nodes", arguments: [false, true])
    func relationsEndWithAnAccount(_ isOwners: Bool) async throws {
        let service = try await Fixture()
        let pep = try #require(service.host.personalEventing)
        let owner = pep.engine.home(of: try #require(try await service.host.find(service.juliet).get()))
        let open = [(name: "pubsub#access_model", values: ["open"])]
        let payload = try Element(ownOutput: Array("<news xmlns='urn:n'/>".utf8))
        for node in ["one", "two"] {
            let error = await pep.publish(
                [.init(id: "1", payload: payload)], to: node, of: try #require(owner.account), configuration: open)
            #expect(error == nil)
            let subscription = await pep.engine.subscribe(
                service.romeo, to: node, nil, isPublic: false, at: owner, by: service.romeo)
            #expect(subscription.error == nil)
        }
        let affiliations = await pep.engine.setAffiliations(
            [(service.romeo, .publisher)], with: "one", at: owner, by: service.juliet)
        #expect(affiliations.error == nil)
        #expect(await pep.engine.delete("two", redirect: nil, at: owner, by: service.juliet).error == nil)
        let relations = pep.engine.relations
        let notes = pep.engine.notesMap(of: service.romeo, at: service.host)
        #expect(try await relations.page(MapQuery(notes, limit: 9))?.items.count == 2)
        try await service.host.remove(isOwners ? service.juliet : service.romeo).get()
        #expect(try await relations.maps(of: service.host.jid, atMost: 9).isEmpty)
        #expect(try await relations.maps(of: service.juliet, atMost: 9).isEmpty)
        if !isOwners {
            #expect(try await pep.engine.existing("one", owner).node.affiliations.isEmpty)
            #expect(try await pep.engine.subscriptions.maps(of: service.juliet, atMost: 9).isEmpty)
        }
        await service.talk.tearDown()
    }
}
