import NIOCore
import Testing
import XMPPServer

@testable import TestKit

/// The storage fails once, at the first call, then at the second, and so on: what is acknowledged is there, or its sender has
/// got an error.
@Suite struct AcknowledgementFaultTests {
    private static let script = Result { try Script(name: "acknowledgement faults", text: "contacts romeo juliet") }

    @Test(.timeLimit(.minutes(10)), arguments: [Transport.memory, .homes]) func neverFalse(
        _ transport: Transport
    ) async throws {
        var call = 1
        while try await run(failingAt: call, transport) { call += 1 }
        #expect(call > 2)
    }

    /// - Returns: whether the run came as far as the call that was to fail.
    private func run(failingAt call: Int, _ transport: Transport) async throws -> Bool {
        let server = try await TestServer(transport: transport)
        let talk = Conversation(try Self.script.get(), server)
        try await talk.setUp()
        try await talk.signIn("romeo", "orchard", isOnline: false, nil)
        let romeo = try talk.client("romeo")
        try await romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        _ = try await romeo.next()
        let before = server.storage.calls
        server.storage.fail(at: call)
        let to = talk.known["juliet"] ?? ""
        try await romeo.send("<message type='chat' id='message' to='\(to)'><body>Here?</body></message>")
        var isRefused = false
        var isAcknowledged = false
        while !isAcknowledged {
            try await romeo.send("<r xmlns='urn:xmpp:sm:3'/>")
            while let received = await romeo.connection.inbox.next(within: .seconds(3)) {
                guard case .element(let element) = received else { continue }
                if element["id"] == "message" { isRefused = true }
                guard element.isNamed("a", .streamManagement) else { continue }
                #expect(element["h"] == "1", "call \(call)")
                isAcknowledged = true
                break
            }
        }
        let isReached = server.storage.calls - before >= call
        // A call that has not come yet is not to fail those who look.
        server.storage.recover()
        server.storage.recover()
        if !isRefused { try await expectMessage(talk, "call \(call)") }
        await talk.tearDown()
        return isReached
    }

    private func expectMessage(_ talk: Conversation, _ comment: Comment) async throws {
        try await talk.signIn("juliet", "balcony", isOnline: false, nil)
        let juliet = try talk.client("juliet")
        try await juliet.send("<presence/>")
        while let received = await juliet.connection.inbox.next(within: .seconds(30)) {
            if case .element(let element) = received, element["id"] == "message" { return }
        }
        Issue.record("what was acknowledged is lost; \(comment)")
    }
}
