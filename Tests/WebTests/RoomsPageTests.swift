import TestKit
import Testing
import XMPP
import XMPPModules

@testable import Web
@testable import XMPPServer

/// The page of public rooms.
@Suite struct RoomsPageTests {
    @Test func itListsPublicRoomsForEverybody() async throws {
        try await TestSite.run(modules: "rooms: on, rooms-page: on") { site in
            func perform(_ name: String, _ arguments: [String: CommandValue]) async -> CommandReply {
                await Administration(site.server).perform(CommandRequest(name, arguments))
            }
            for (room, name) in [("lounge", "The <Lounge>"), ("vault", "The Vault"), ("plans", "Plans")] {
                let made = await perform(
                    "room-create", ["room": .text(room), "owner": "mary", "name": .text(name)])
                #expect(made.failure == nil, "\(made.text)")
            }
            _ = await perform("room-set", ["room": "vault", "fields": .list(["membersonly=true"])])
            _ = await perform("room-set", ["room": "plans", "fields": .list(["publicroom=false"])])
            let page = try await TestBrowser(site).get("/rooms")
            #expect(page.status == 200)
            #expect(page.text.contains("The &lt;Lounge&gt;") && page.text.contains("lounge@conference."))
            #expect(page.text.contains("The Vault") && page.text.contains("not for everybody"))
            #expect(!page.text.contains("Plans"))
            let found = try await TestBrowser(site).get("/rooms?search=vault%20%3Cb%3E")
            #expect(found.text.contains("There are no such rooms.") && found.text.contains("vault &lt;b&gt;"))
            let vault = try await TestBrowser(site).get("/rooms?search=VAULT")
            #expect(vault.text.contains("The Vault") && !vault.text.contains("Lounge"))
        }
    }
}
