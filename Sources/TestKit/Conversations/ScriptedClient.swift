import NIOCore
import XMPPServer

/// A client controlled by a script.
final class ScriptedClient {
    let connection: any TestConnection
    /// The full JID of the bound resource, or of the resumed session.
    var jid: JID?
    /// Received, but not yet read by the script.
    var pending: [Received] = []
    private var pings = 0
    /// Whether it has enabled stream management: then its own pings must not be counted.
    private var isCounting = false

    init(_ connection: any TestConnection) {
        self.connection = connection
    }

    func send(_ text: String) async throws {
        try await connection.send(ByteBuffer(string: text))
    }

    func next(instead expected: String? = nil) async throws -> Received {
        if !pending.isEmpty { return pending.removeFirst() }
        guard let received = await connection.inbox.next() else {
            throw ConversationFailure((expected.map { "\n  expected: \($0)" } ?? "") + "\n  received: nothing")
        }
        if received.isEnd { jid = nil }
        if case .element(let element) = received, element.isNamed("success", .sasl2),
            let bound = element.child("authorization-identifier", .sasl2).flatMap({ JID($0.text) }), bound.isFull
        {
            jid = bound
        }
        if case .element(let element) = received {
            if element.descendant("enabled") != nil { isCounting = true }
            if let resumed = element.descendant("resumed") {
                isCounting = true
                jid = jid ?? resumed["previd"].flatMap { JID("resumed.localhost/\($0)") }
            }
        }
        return received
    }

    /// Sends a ping and waits for the pong; what comes before is kept for the script.
    func ping() async throws {
        guard jid != nil else { return }
        pings += 1
        let id = "settle-\(pings)"
        try await send(
            isCounting ? "<r xmlns='urn:xmpp:sm:3'/>" : "<iq type='get' id='\(id)'><ping xmlns='urn:xmpp:ping'/></iq>")
        while let received = await connection.inbox.next() {
            if case .element(let element) = received {
                if isCounting ? element.isNamed("a", .streamManagement) : element["id"] == id { return }
            }
            pending.append(received)
            if received.isEnd {
                jid = nil
                return
            }
        }
        throw ConversationFailure("\n  expected: the answer to a ping\n  received: nothing")
    }
}

extension Element {
    /// This element, or one inside, of stream management with that name.
    fileprivate func descendant(_ name: StaticString) -> Element? {
        if isNamed(name, .streamManagement) { return self }
        return children.lazy.compactMap { $0.descendant(name) }.first
    }
}
