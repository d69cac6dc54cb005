import TestKit
import Testing
import XMPP

@testable import XMPPServer

/// What administrators do with rooms.
@Suite struct RoomCommandTests {
    private static let script = """
        client juliet/pc
        juliet sends <presence to="den@conference.localhost/Juliet"><x xmlns="http://jabber.org/protocol/muc" /></presence>
        juliet ignores the rest
        juliet sends <iq type="set" id="c1" to="den@conference.localhost"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit" /></query></iq>
        juliet ignores the rest
        """

    @Test func theyListMakeChangeAndEndRooms() async throws {
        try await Conversation.run(Script(name: "rooms", text: Self.script), on: .memory) { server in
            func perform(_ name: String, _ arguments: [String: CommandValue] = [:]) async -> CommandReply {
                await Administration(server.server).perform(CommandRequest(name, arguments))
            }
            let made = await perform(
                "room-create", ["room": "lounge", "owner": "romeo@localhost", "name": "The Lounge"])
            #expect(made.failure == nil, "\(made.text)")
            #expect(made.result?["room"] == "lounge@conference.localhost")
            #expect(made.result?["isPersistent"] == .boolean(true))
            #expect(await perform("room-create", ["room": "lounge", "owner": "romeo@localhost"]).failure == .conflict)
            #expect(
                await perform("room-create", ["room": "x@elsewhere.example", "owner": "romeo@localhost"]).failure
                    == .invalid)

            let all = await perform("room-list")
            #expect(all.text.contains("den@conference.localhost") && all.text.contains("lounge@conference.localhost"))
            let found = await perform("room-list", ["search": "the lo"])
            #expect(!found.text.contains("den@") && found.text.contains("lounge@"))
            let rest = await perform("room-list", ["after": "den"])
            #expect(!rest.text.contains("den@") && rest.text.contains("lounge@"))

            let changed = await perform("room-set", ["room": "lounge", "fields": .list(["membersonly=true"])])
            #expect(changed.result?["isForMembers"] == .boolean(true), "\(changed.text)")
            #expect(
                await perform("room-set", ["room": "lounge", "fields": .list(["membersonly=maybe"])]).failure
                    == .invalid)
            #expect(
                await perform("room-set", ["room": "lounge", "fields": .list(["membersonly"])]).failure == .invalid)
            #expect(await perform("room-show", ["room": "lounge@conference.localhost"]).text.contains("The Lounge"))

            let member = await perform(
                "room-affiliate", ["room": "lounge", "person": "juliet@localhost", "affiliation": "member"])
            #expect(member.failure == nil, "\(member.text)")
            let people = await perform("room-people", ["room": "lounge"])
            #expect(people.text.contains("romeo@localhost") && people.text.contains("juliet@localhost"))
            #expect(
                await perform(
                    "room-affiliate", ["room": "lounge", "person": "romeo@localhost", "affiliation": "none"]
                ).failure == .conflict)
            #expect(await perform("room-people", ["room": "den"]).text.contains("moderator"))

            #expect(await perform("room-destroy", ["room": "lounge"]).failure == nil)
            #expect(await perform("room-show", ["room": "lounge"]).failure == .notFound)
            #expect(await perform("room-destroy", ["room": "lounge"]).failure == .notFound)
        }
    }
}
