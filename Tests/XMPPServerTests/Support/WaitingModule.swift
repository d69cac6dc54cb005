import Synchronization
import XMPPServer

/// Lets messages and requests wait as they ask for it.
///
/// An IQ with `gate="x@point"` waits at that hook point until the test opens the gate x. A message with `wait="n"` waits n times on its way to the account, one with `gate="x"` when it has been archived, until
/// the test opens that gate (`asked for x` opens when it waits). One with `keep="x"` is kept, which is submitted when the test
/// opens that gate. A request `<wait xmlns="urn:example:wait"
/// id="x" />` is answered when the test opens that gate.
struct WaitingModule: ServerModule {
    static let info = ModuleInfo("test-waiting", implements: [.other("tests")])
    private static let gates = Mutex<[String: Gate]>([:])

    init(host: Host, settings: NoSettings) {}

    static func gate(_ id: String) -> Gate {
        gates.withLock { gates in
            if let gate = gates[id] { return gate }
            let gate = Gate()
            gates[id] = gate
            return gate
        }
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.messageToAccount, .block) { event in
            guard let times = event.stanza.element["wait"].flatMap({ Int($0) }), times > 0 else { return .go }
            return Self.wait(times)
        }
        registrar.on(Hooks.messageToAccount, .copy) { event in
            guard let gate = event.stanza.element["gate"] else { return .go }
            Self.gate("asked for \(gate)").open()
            return .wait {
                await Self.gate(gate).opened()
                return .go
            }
        }
        registrar.on(Hooks.messageToAccount, .block) { event in
            guard let gate = event.stanza.element["keep"] else { return .go }
            return .keep { _, submitted, done in
                Task {
                    await Self.gate(gate).opened()
                    submitted()
                    done(nil)
                }
            }
        }
        for point in [Hooks.iqFromClient, Hooks.iqToAccount, Hooks.iqToSession] {
            registrar.on(point, .block) { event in
                guard let parts = event.stanza.element["gate"]?.split(separator: "@"), parts.last == "\(point.name)"
                else {
                    return .go
                }
                let gate = String(parts[0])
                return .wait {
                    await Self.gate(gate).opened()
                    return .wait { gate.hasPrefix("no") ? .bounce(.notAllowed) : .go }
                }
            }
        }
        registrar.iq(.get, "wait", "urn:example:wait", to: .ownAccount) { request in
            let id = request.payload["id"] ?? ""
            return .async {
                await Self.gate(id).opened()
                return .ok
            }
        }
    }

    private static func wait(_ times: Int) -> Verdict {
        .wait {
            for _ in 0..<100 { await Task.yield() }
            return times > 1 ? wait(times - 1) : .go
        }
    }
}
