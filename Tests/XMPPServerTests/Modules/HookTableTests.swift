import Testing
import XMPP

@testable import XMPPServer

@Suite("The order of handlers") struct HookTableTests {
    private struct Moment: Sendable {
        var trace: [String] = []
    }

    private static let moment = HookPoint<Moment>("moment")
    private static let other = HookPoint<String>("other")

    private static func entry(
        _ phase: HookPhase, _ name: String, _ verdict: Verdict = .go
    ) -> HookList<Moment>.Entry {
        .init(phase: phase, module: name) { event in
            event.trace.append(name)
            return verdict
        }
    }

    private func table(_ entries: HookList<Moment>.Entry...) -> HookList<Moment> {
        var table = HookTable()
        for entry in entries { table.add([entry], at: Self.moment) }
        return table.list(Self.moment)
    }

    @Test("By phase, then as they were registered")
    func order() {
        let list = table(
            Self.entry(.fallback, "f1"), Self.entry(.deliver, "d1"), Self.entry(.validate, "v1"),
            Self.entry(.copy, "c1"), Self.entry(.deliver, "d2"), Self.entry(.validate, "v2"),
            Self.entry(.archive, "a1"), Self.entry(.block, "b1"), Self.entry(.rewrite, "r1"),
            Self.entry(.deliver, "d3"), Self.entry(.fallback, "f2"))
        var event = Moment()
        guard case .passed = list.run(&event, from: 0, to: list.entries.count) else {
            Issue.record("not passed")
            return
        }
        #expect(event.trace == ["v1", "v2", "b1", "r1", "a1", "c1", "d1", "d2", "d3", "f1", "f2"])
        #expect(list.fallback == 9)
        #expect(list.entries[list.fallback].module == "f1")
    }

    @Test func withoutFallback() {
        #expect(table(Self.entry(.deliver, "d"), Self.entry(.block, "b")).fallback == 2)
        #expect(table().fallback == 0)
    }

    @Test("A verdict ends the run")
    func verdicts() {
        var event = Moment()
        let handled = table(Self.entry(.block, "b", .handled), Self.entry(.deliver, "d"))
        if case .handled = handled.run(&event, from: 0, to: 2) {} else { Issue.record("not handled") }
        let bounced = table(Self.entry(.deliver, "d"), Self.entry(.block, "b", .bounce(.serviceUnavailable)))
        if case .bounced(.serviceUnavailable, "b") = bounced.run(&event, from: 0, to: 2) {
        } else {
            Issue.record("no bounce")
        }
        #expect(event.trace == ["b", "b"])
    }

    @Test("After a wait the next handler goes on")
    func waiting() {
        var event = Moment()
        let list = table(Self.entry(.block, "b", .wait { .go }), Self.entry(.deliver, "d"))
        guard case .waiting(let next, _) = list.run(&event, from: 0, to: 2) else {
            Issue.record("no wait")
            return
        }
        _ = list.run(&event, from: next, to: 2)
        #expect(event.trace == ["b", "d"])
    }

    @Test("Moments do not see each other's handlers")
    func moments() {
        var table = HookTable()
        table.add([Self.entry(.deliver, "d")], at: Self.moment)
        #expect(table.list(Self.other).entries.isEmpty)
        #expect(table.list(Hooks.messageFromClient).entries.isEmpty)
        #expect(table.list(Self.moment).entries.count == 1)
    }
}
