import NIOCore
import Testing
import XML
import XMPP

@testable import TestKit
@testable import XMPPServer

/// What signed-in people see of what administrators do.
@Suite struct RunningServerTests {
    private static let ann = AccountName("ann@localhost")
    private static let bob = AccountName("bob@localhost")

    /// Ann and Bob, both online, and no contacts of each other.
    private struct Scene {
        let server: TestKit.TestServer
        let administration: Administration
        let ann: Person
        let bob: Person

        init() async throws {
            server = try await TestKit.TestServer()
            administration = Administration(server.server)
            for name in [RunningServerTests.ann, RunningServerTests.bob] {
                let account = NewAccount(name: name.name, password: "secret")
                _ = try await administration.add(account)
            }
            ann = try await Person("ann", on: server)
            bob = try await Person("bob", on: server)
        }

        func stop() async {
            await server.stop()
            await server.close()
        }

        func befriend() async throws {
            try await administration.addContact(RunningServerTests.bob, to: RunningServerTests.ann)
        }
    }

    @Test func newContactsArePushedAndSeeEachOther() async throws {
        let scene = try await Scene()
        try await scene.befriend()
        for (person, other) in [(scene.ann, "bob@localhost"), (scene.bob, "ann@localhost")] {
            let push = try await person.next("iq")
            let item = try #require(push.child("query", .roster)?.child("item", .roster))
            #expect(item["jid"] == other && item["subscription"] == "both")
            let presence = try await person.next("presence")
            #expect(presence["from"] == "\(other)/desk" && presence["type"] == nil)
        }
        await scene.stop()
    }

    @Test func removedContactsArePushedAndSeeEachOtherNoMore() async throws {
        let scene = try await Scene()
        try await scene.befriend()
        try await scene.administration.removeContact(Self.ann, from: Self.bob)
        for (person, other) in [(scene.ann, "bob@localhost"), (scene.bob, "ann@localhost")] {
            _ = try await person.next("iq")
            _ = try await person.next("presence")
            let push = try await person.next("iq")
            #expect(push.child("query", .roster)?.child("item", .roster)?["subscription"] == "remove")
            let presence = try await person.next("presence")
            #expect(presence["from"] == "\(other)/desk" && presence["type"] == "unavailable")
        }
        await scene.stop()
    }

    @Test func aNewPasswordEndsTheSessions() async throws {
        let scene = try await Scene()
        try await scene.administration.setPassword("new", of: Self.ann)
        let error = try await scene.ann.next("error")
        #expect(error.hasChild("not-authorized", .streamErrors))
        await scene.stop()
    }

    @Test func aRevokedTokenEndsTheSessionsThatItHasOpenedAndNoOthers() async throws {
        let scene = try await Scene()
        let first = try await scene.administration.mint(NewToken(account: Self.bob))
        let second = try await scene.administration.mint(NewToken(account: Self.bob))
        let phone = try await Person("bob", token: first.token, resource: "phone", on: scene.server)
        let tablet = try await Person("bob", token: second.token, resource: "tablet", on: scene.server)
        let listed = try await scene.administration.tokens(of: Self.bob)
        #expect(listed.allSatisfy { $0.lastUsedAt != nil })

        _ = try await scene.administration.revoke(first.info.id)
        let error = try await phone.next("error")
        #expect(error.hasChild("not-authorized", .streamErrors))
        for person in [tablet, scene.bob] {
            try await person.send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>")
            while try await person.next("iq")["id"] != "alive" {}
        }
        await scene.stop()
    }

    @Test func tokensThatHaveExpiredAreRemoved() async throws {
        let scene = try await Scene()
        let token = NewToken(account: Self.bob, seconds: 60)
        _ = try await scene.administration.mint(token)
        let server = scene.server.server
        for seconds in [59, 1] {
            await scene.server.advance(by: .seconds(seconds))
            for job in Server.jobs(server.storage, server.now, server.logger) { await job.run() }
            let left = try await scene.administration.tokens(of: Self.bob)
            #expect(left.count == (seconds == 59 ? 1 : 0))
        }
        await scene.stop()
    }

    @Test func aRemovedAccountLeavesItsContacts() async throws {
        let scene = try await Scene()
        try await scene.befriend()
        try await scene.administration.remove(Self.ann)
        _ = try await scene.bob.next("iq")
        _ = try await scene.bob.next("presence")
        let push = try await scene.bob.next("iq")
        #expect(push.child("query", .roster)?.child("item", .roster)?["subscription"] == "remove")
        let presence = try await scene.bob.next("presence")
        #expect(presence["type"] == "unavailable")
        let error = try await scene.ann.next("error")
        #expect(error.hasChild("not-authorized", .streamErrors))
        #expect(try await scene.server.server.hosts["localhost"]?.accounts.load(#require(JID("ann@localhost"))) == nil)
        await scene.stop()
    }

    @Test func changesReachTheAccountInMemory() async throws {
        let scene = try await Scene()
        let changes = AccountChanges(displayName: "Ann", keepsHistory: false)
        _ = try await scene.administration.change(Self.ann, changes)
        let jid = try #require(JID("ann@localhost"))
        let record = try #require(scene.server.server.hosts["localhost"]?.accounts.cached(jid))
        #expect(!record.keepsHistory && record.account.displayName == "Ann")
        await scene.stop()
    }

    @Test func sessionsAreShown() async throws {
        let scene = try await Scene()
        let details = try await scene.administration.details(of: Self.ann)
        #expect(details.sessions?.map(\.resource) == ["desk"])
        #expect(details.sessions?.map(\.priority) == [0])
        await scene.stop()
    }
}

/// A person who has signed in, fetched the roster and announced presence.
private struct Person {
    private let connection: any TestConnection

    /// - Parameter token: what is signed in with; `nil`: the password.
    init(
        _ name: String, token: String? = nil, resource: String = "desk", on server: TestKit.TestServer
    ) async throws {
        connection = try await server.connect()
        let open =
            "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
            + "xmlns:stream='http://etherx.jabber.org/streams'>"
        try await send(open)
        _ = try await next("features")
        let message = token.map { "n,,\u{1}auth=Bearer \($0)\u{1}\u{1}" } ?? "\0\(name)\0secret"
        let mechanism = token == nil ? "PLAIN" : "OAUTHBEARER"
        let secret = Base64.encode(Array(message.utf8))
        try await send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='\(mechanism)'>\(secret)</auth>")
        _ = try await next("success")
        try await send(open)
        _ = try await next("features")
        try await send(
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>\(resource)</resource></bind></iq>"
                + "<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        _ = try await next("iq")
        _ = try await next("iq")
        _ = try await next("presence")
    }

    func send(_ text: String) async throws {
        try await connection.send(ByteBuffer(string: text))
    }

    /// The next element of that name; others are passed over.
    func next(_ name: String) async throws -> Element {
        while let received = await connection.inbox.next() {
            if case .element(let element) = received, element.name == name { return element }
        }
        throw NothingCame(name: name)
    }
}

private struct NothingCame: Error {
    let name: String
}
