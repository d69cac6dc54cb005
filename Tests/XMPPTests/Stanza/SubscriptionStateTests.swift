import Testing

@testable import XMPP

@Suite struct SubscriptionStateTests {
    /// RFC 6121, appendix A.2: from the state, what is routed and the state after it, for each type.
    static let outbound: [(SubscriptionType, [(SubscriptionState, Bool, SubscriptionState)])] = [
        (
            .subscribe,
            [
                (.none, true, .nonePendingOut),
                (.nonePendingOut, true, .nonePendingOut),
                (.nonePendingIn, true, .nonePendingOutIn),
                (.nonePendingOutIn, true, .nonePendingOutIn),
                (.to, true, .to),
                (.toPendingIn, true, .toPendingIn),
                (.from, true, .fromPendingOut),
                (.fromPendingOut, true, .fromPendingOut),
                (.both, true, .both),
            ]
        ),
        (
            .unsubscribe,
            [
                (.none, true, .none),
                (.nonePendingOut, true, .none),
                (.nonePendingIn, true, .nonePendingIn),
                (.nonePendingOutIn, true, .nonePendingIn),
                (.to, true, .none),
                (.toPendingIn, true, .nonePendingIn),
                (.from, true, .from),
                (.fromPendingOut, true, .from),
                (.both, true, .from),
            ]
        ),
        (
            .subscribed,
            [
                (.none, false, .none),
                (.nonePendingOut, false, .nonePendingOut),
                (.nonePendingIn, true, .from),
                (.nonePendingOutIn, true, .fromPendingOut),
                (.to, false, .to),
                (.toPendingIn, true, .both),
                (.from, false, .from),
                (.fromPendingOut, false, .fromPendingOut),
                (.both, false, .both),
            ]
        ),
        (
            .unsubscribed,
            [
                (.none, false, .none),
                (.nonePendingOut, false, .nonePendingOut),
                (.nonePendingIn, true, .none),
                (.nonePendingOutIn, true, .nonePendingOut),
                (.to, false, .to),
                (.toPendingIn, true, .to),
                (.from, true, .none),
                (.fromPendingOut, true, .nonePendingOut),
                (.both, true, .to),
            ]
        ),
    ]

    /// RFC 6121, appendix A.3: from the state, what is delivered and the state after it, for each type.
    static let inbound: [(SubscriptionType, [(SubscriptionState, Bool, SubscriptionState)])] = [
        (
            .subscribe,
            [
                (.none, true, .nonePendingIn),
                (.nonePendingOut, true, .nonePendingOutIn),
                (.nonePendingIn, false, .nonePendingIn),
                (.nonePendingOutIn, false, .nonePendingOutIn),
                (.to, true, .toPendingIn),
                (.toPendingIn, false, .toPendingIn),
                (.from, false, .from),
                (.fromPendingOut, false, .fromPendingOut),
                (.both, false, .both),
            ]
        ),
        (
            .unsubscribe,
            [
                (.none, false, .none),
                (.nonePendingOut, false, .nonePendingOut),
                (.nonePendingIn, true, .none),
                (.nonePendingOutIn, true, .nonePendingOut),
                (.to, false, .to),
                (.toPendingIn, true, .to),
                (.from, true, .none),
                (.fromPendingOut, true, .nonePendingOut),
                (.both, true, .to),
            ]
        ),
        (
            .subscribed,
            [
                (.none, false, .none),
                (.nonePendingOut, true, .to),
                (.nonePendingIn, false, .nonePendingIn),
                (.nonePendingOutIn, true, .toPendingIn),
                (.to, false, .to),
                (.toPendingIn, false, .toPendingIn),
                (.from, false, .from),
                (.fromPendingOut, true, .both),
                (.both, false, .both),
            ]
        ),
        (
            .unsubscribed,
            [
                (.none, false, .none),
                (.nonePendingOut, true, .none),
                (.nonePendingIn, false, .nonePendingIn),
                (.nonePendingOutIn, true, .nonePendingIn),
                (.to, true, .none),
                (.toPendingIn, true, .nonePendingIn),
                (.from, false, .from),
                (.fromPendingOut, true, .from),
                (.both, true, .from),
            ]
        ),
    ]

    @Test func outboundTable() {
        for (type, rows) in Self.outbound {
            #expect(rows.map(\.0) == SubscriptionState.allCases)
            for (state, routes, newState) in rows {
                #expect(state.outbound(type) == .init(newState: newState, routes: routes), "\(type) from \(state)")
            }
        }
    }

    @Test func inboundTable() {
        for (type, rows) in Self.inbound {
            #expect(rows.map(\.0) == SubscriptionState.allCases)
            for (state, delivers, newState) in rows {
                let autoReply: SubscriptionType? = type == .subscribe && state.hasFrom ? .subscribed : nil
                let expected = SubscriptionState.Inbound(newState: newState, delivers: delivers, autoReply: autoReply)
                #expect(state.inbound(type) == expected, "\(type) from \(state)")
            }
        }
    }

    /// What the roster shows: subscription, ask, and whether a request waits.
    @Test(arguments: [
        (SubscriptionState.none, "none", false, false), (.nonePendingOut, "none", true, false),
        (.nonePendingIn, "none", false, true), (.nonePendingOutIn, "none", true, true), (.to, "to", false, false),
        (.toPendingIn, "to", false, true), (.from, "from", false, false), (.fromPendingOut, "from", true, false),
        (.both, "both", false, false),
    ])
    func rosterAttributes(state: SubscriptionState, subscription: String, asks: Bool, hasPendingIn: Bool) {
        #expect("\(state.subscription)" == subscription)
        #expect(state.asks == asks)
        #expect(state.hasPendingIn == hasPendingIn)
        #expect(state.hasTo == ["to", "both"].contains(subscription))
        #expect(state.hasFrom == ["from", "both"].contains(subscription))
    }

    @Test func rawValuesStay() {
        #expect(SubscriptionState.allCases.map(\.rawValue) == Array(0...8))
    }

    /// Both servers, each stanza delivered to the other side: the two states always mirror each other.
    @Test func twoSidesAgree() {
        var random = Numbers(seed: 6121)
        var romeo = SubscriptionState.none, juliet = SubscriptionState.none
        for _ in 0..<2000 {
            let type = SubscriptionType.allCases[random.below(4)]
            if random.below(2) == 0 {
                send(type, from: &romeo, to: &juliet)
            } else {
                send(type, from: &juliet, to: &romeo)
            }
            #expect(romeo.hasTo == juliet.hasFrom && romeo.hasFrom == juliet.hasTo)
            #expect(romeo.asks == juliet.hasPendingIn && romeo.hasPendingIn == juliet.asks)
        }
    }

    private func send(_ type: SubscriptionType, from: inout SubscriptionState, to: inout SubscriptionState) {
        let outbound = from.outbound(type)
        from = outbound.newState
        guard outbound.routes else { return }
        let inbound = to.inbound(type)
        to = inbound.newState
        if let reply = inbound.autoReply { from = from.inbound(reply).newState }
    }
}
