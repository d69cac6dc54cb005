import XMPPServer

@testable import TestKit

extension Conversation {
    /// Sends a request of a client, and returns its answer; what comes before that is kept.
    @discardableResult
    func ask(_ name: String, _ request: String, _ id: String) async throws -> Element {
        let client = try client(name)
        let kept = client.pending
        client.pending = []
        try await client.send(request)
        var before: [Received] = []
        while true {
            let received = try await client.next()
            if case .element(let element) = received, element.hasName("iq"), element["id"] == id {
                client.pending = kept + before
                return element
            }
            before.append(received)
            if received.isEnd { throw ConversationFailure("the stream ended before the answer to \(id)") }
        }
    }
}
