import TestKit
import Testing
import XMPP
import XMPPServer

@testable import XMPPModules

/// What is in memory of rooms.
@Suite struct RoomLifeTests {
    /// How many rooms are in memory after a conversation.
    private func roomsInMemory(after text: String) async throws -> Int? {
        var count: Int?
        try await Conversation.run(try Script(name: "rooms", text: text), on: .memory) { server in
            await server.server.router.settled()
            let host = try #require(server.server.hosts["localhost"])
            let module = try #require(host.modules.lazy.compactMap { $0 as? Rooms }.first)
            count = module.service?.directory.count
        }
        return count
    }

    private static let made = """
        client romeo/pc online
        romeo sends <presence to="garden@conference.localhost/R"><x xmlns="http://jabber.org/protocol/muc"/></presence>\
        <iq type="set" id="o" to="garden@conference.localhost"><query xmlns="http://jabber.org/protocol/muc#owner">\
        <x xmlns="jabber:x:data" type="submit"><field var="muc#roomconfig_persistentroom"><value>1</value></field></x></query></iq>
        romeo ignores the rest
        """

    @Test func aRoomWithPeopleIsThere() async throws {
        #expect(try await roomsInMemory(after: Self.made) == 1)
    }

    @Test func aRoomWithoutPeopleIsNot() async throws {
        let left = """

            romeo sends <presence type="unavailable" to="garden@conference.localhost/R"/>
            romeo ignores the rest
            romeo sends <iq type="get" id="d" to="garden@conference.localhost"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>\
            <message type="groupchat" id="m" to="orchard@conference.localhost"><body>Hi</body></message>
            romeo ignores the rest
            """
        #expect(try await roomsInMemory(after: Self.made + left) == 0)
    }

    /// It is not read before somebody asks for it.
    @Test func aRoomOfAnEarlierProcessIsNotRead() async throws {
        #expect(try await roomsInMemory(after: Self.made + "\nserver dies\nclient juliet/pc online") == 0)
    }
}
