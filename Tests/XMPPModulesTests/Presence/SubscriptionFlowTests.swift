import TestKit
import Testing
import XMPPServer

/// RFC 6121 appendix A through two accounts of one server: romeo sends each of the four subscription stanzas in each of
/// the nine states, and the rosters of both and what both clients receive are as the tables say.
@Suite struct SubscriptionFlowTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let state: SubscriptionState
        let sent: String
        /// Romeo's state from now on.
        let ownState: SubscriptionState
        /// Juliet's state from now on.
        let peerState: SubscriptionState
        /// What romeo's client receives.
        let own: String
        /// What juliet's client receives.
        let peer: String

        var testDescription: String { "\(state), \(sent)" }

        init(
            _ state: SubscriptionState, _ sent: String, _ ownState: SubscriptionState, _ peerState: SubscriptionState,
            own: String = "", peer: String = ""
        ) {
            self.state = state
            self.sent = sent
            self.ownState = ownState
            self.peerState = peerState
            self.own = own
            self.peer = peer
        }
    }

    /// Juliet's state that goes with each of romeo's.
    private static let mirrored: [SubscriptionState: SubscriptionState] = [
        .none: .none, .nonePendingOut: .nonePendingIn, .nonePendingIn: .nonePendingOut,
        .nonePendingOutIn: .nonePendingOutIn, .to: .from, .toPendingIn: .fromPendingOut, .from: .to,
        .fromPendingOut: .toPendingIn, .both: .both,
    ]

    static let rows: [Row] = [
        // A.2.1 and A.3.1
        Row(.none, "subscribe", .nonePendingOut, .nonePendingIn, own: "push", peer: "subscribe"),
        Row(.nonePendingOut, "subscribe", .nonePendingOut, .nonePendingIn),
        Row(.nonePendingIn, "subscribe", .nonePendingOutIn, .nonePendingOutIn, own: "push", peer: "subscribe"),
        Row(.nonePendingOutIn, "subscribe", .nonePendingOutIn, .nonePendingOutIn),
        Row(.to, "subscribe", .to, .from, own: "available"),
        Row(.toPendingIn, "subscribe", .toPendingIn, .fromPendingOut, own: "available"),
        Row(.from, "subscribe", .fromPendingOut, .toPendingIn, own: "push", peer: "subscribe"),
        Row(.fromPendingOut, "subscribe", .fromPendingOut, .toPendingIn),
        Row(.both, "subscribe", .both, .both, own: "available"),
        // A.2.2 and A.3.2
        Row(.none, "unsubscribe", .none, .none),
        Row(.nonePendingOut, "unsubscribe", .none, .none, own: "push", peer: "unsubscribe"),
        Row(.nonePendingIn, "unsubscribe", .nonePendingIn, .nonePendingOut),
        Row(.nonePendingOutIn, "unsubscribe", .nonePendingIn, .nonePendingOut, own: "push", peer: "unsubscribe"),
        Row(.to, "unsubscribe", .none, .none, own: "push unavailable", peer: "unsubscribe push"),
        Row(
            .toPendingIn, "unsubscribe", .nonePendingIn, .nonePendingOut, own: "push unavailable",
            peer: "unsubscribe push"),
        Row(.from, "unsubscribe", .from, .to),
        Row(.fromPendingOut, "unsubscribe", .from, .to, own: "push", peer: "unsubscribe"),
        Row(.both, "unsubscribe", .from, .to, own: "push unavailable", peer: "unsubscribe push"),
        // A.2.3 and A.3.3; without a request, an approval is kept for later, §3.4.
        Row(.none, "subscribed", .none, .none, own: "approved"),
        Row(.nonePendingOut, "subscribed", .nonePendingOut, .nonePendingIn, own: "approved"),
        Row(.nonePendingIn, "subscribed", .from, .to, own: "push", peer: "subscribed push available"),
        Row(
            .nonePendingOutIn, "subscribed", .fromPendingOut, .toPendingIn, own: "push",
            peer: "subscribed push available"),
        Row(.to, "subscribed", .to, .from, own: "approved"),
        Row(.toPendingIn, "subscribed", .both, .both, own: "push", peer: "subscribed push available"),
        Row(.from, "subscribed", .from, .to),
        Row(.fromPendingOut, "subscribed", .fromPendingOut, .toPendingIn),
        Row(.both, "subscribed", .both, .both),
        // A.2.4 and A.3.4
        Row(.none, "unsubscribed", .none, .none),
        Row(.nonePendingOut, "unsubscribed", .nonePendingOut, .nonePendingIn),
        Row(.nonePendingIn, "unsubscribed", .none, .none, peer: "unsubscribed push"),
        Row(.nonePendingOutIn, "unsubscribed", .nonePendingOut, .nonePendingIn, peer: "unsubscribed push"),
        Row(.to, "unsubscribed", .to, .from),
        Row(.toPendingIn, "unsubscribed", .to, .from, peer: "unsubscribed push"),
        Row(.from, "unsubscribed", .none, .none, own: "push", peer: "unsubscribed push unavailable"),
        Row(
            .fromPendingOut, "unsubscribed", .nonePendingOut, .nonePendingIn, own: "push",
            peer: "unsubscribed push unavailable"),
        Row(.both, "unsubscribed", .to, .from, own: "push", peer: "unsubscribed push unavailable"),
    ]

    @Test(arguments: rows) func flow(_ row: Row) async throws {
        let mirrored = try #require(Self.mirrored[row.state])
        let text = """
            roster romeo juliet \(row.state)
            roster juliet romeo \(mirrored)
            client juliet/balcony online
            client romeo/orchard online
            romeo sends <presence type="\(row.sent)" to="{{juliet}}" />
            \(Self.expectation("romeo", "romeo/orchard", "juliet", "juliet/balcony", row.own, row.ownState))
            \(Self.expectation("juliet", "juliet/balcony", "romeo", "romeo/orchard", row.peer, row.peerState))
            romeo receives nothing
            juliet receives nothing
            """
        try await Conversation.run(Script(name: row.testDescription, text: text), on: .memory) { server in
            let accounts = try #require(server.server.hosts["localhost"]).accounts
            let romeo = try #require(JID("romeo@localhost"))
            let juliet = try #require(JID("juliet@localhost"))
            let own = try #require(accounts.cached(romeo)).rosterItem(juliet)
            let peer = try #require(accounts.cached(juliet)).rosterItem(romeo)
            #expect(own?.state ?? .none == row.ownState)
            #expect(peer?.state ?? .none == row.peerState)
            #expect(own?.isApproved ?? false == row.own.contains("approved"))
            // What is in memory is what is stored.
            await server.storage.flush()
            #expect(try await server.storage.roster(of: romeo).items.first == own)
            #expect(try await server.storage.roster(of: juliet).items.first == peer)
        }
    }

    /// What a client receives, in the words of a script.
    private static func expectation(
        _ name: String, _ client: String, _ other: String, _ otherClient: String, _ words: String,
        _ state: SubscriptionState
    ) -> String {
        let stanzas = words.split(separator: " ").map { word in
            switch word {
            case "push", "approved":
                let ask = state.asks ? " ask='subscribe'" : ""
                let approved = word == "approved" ? " approved='true'" : ""
                return "<iq type='set' id='*' to='{{\(client)}}'><query xmlns='jabber:iq:roster' ver='*'>"
                    + "<item jid='{{\(other)}}' subscription='\(state.subscription)'\(ask)\(approved)/></query></iq>"
            case "available":
                return "<presence from='{{\(otherClient)}}' to='{{\(name)}}'/>"
            case "unavailable":
                return "<presence type='unavailable' from='{{\(otherClient)}}' to='{{\(name)}}'/>"
            default:
                return "<presence type='\(word)' from='{{\(other)}}' to='{{\(name)}}'>...</presence>"
            }
        }
        return stanzas.isEmpty
            ? "" : "\(name) receives in any order\n" + stanzas.map { "  \($0)" }.joined(separator: "\n")
    }
}
