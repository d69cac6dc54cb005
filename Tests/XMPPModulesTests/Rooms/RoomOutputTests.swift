import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPModules

/// In which order a room sends what it sends, and how much at a time.
@Suite struct RoomOutputTests {
    private let output = RoomOutput()
    private let from = JID("garden@conference.localhost")

    private func entry(_ id: String, to count: Int = 1, isReady: Bool = true) throws -> RoomOutput.Entry {
        let element = try Element(
            parsing: .init(string: "<message id='\(id)'/>"), contentNamespace: .client)
        let addresses = try (0..<count).map { try #require(JID("p\($0)@localhost/x")) }
        let entry = RoomOutput.Entry(
            .stanza(try #require(Stanza(element)), from: try #require(from), to: addresses[...]), isReady: isReady)
        output.append(entry)
        return entry
    }

    /// What is sent in one go: the ids, each with the number of those who got it.
    private func send() -> (sent: [String], isMore: Bool) {
        var sent: [String] = []
        let isMore = output.sendSome { stanza, _, addresses in sent.append("\(stanza.id ?? ""):\(addresses.count)") }
        return (sent, isMore)
    }

    @Test func whatIsNotReadyHoldsWhatComesAfterIt() throws {
        _ = try entry("a")
        let message = try entry("b", isReady: false)
        _ = try entry("c")
        #expect(send() == (["a:1"], false))
        #expect(send() == ([], false))
        message.isReady = true
        #expect(send() == (["b:1", "c:1"], false))
        #expect(output.isEmpty)
    }

    @Test func whatWasDroppedIsNotSent() throws {
        let message = try entry("a", isReady: false)
        _ = try entry("b")
        output.drop(message)
        #expect(send() == (["b:1"], false))
    }

    @Test func muchIsSentSomeAtATime() throws {
        _ = try entry("a", to: 2_500)
        _ = try entry("b")
        #expect(send() == (["a:1000"], true))
        #expect(send() == (["a:1000"], true))
        #expect(send() == (["a:500", "b:1"], false))
    }

    @Test func aPauseHoldsTheNext() throws {
        _ = try entry("a")
        _ = try entry("b")
        var sent: [String] = []
        _ = output.sendSome { stanza, _, _ in
            sent.append(stanza.id ?? "")
            output.pause()
        }
        #expect(sent == ["a"])
        #expect(send() == ([], false))
        output.resume()
        #expect(send() == (["b:1"], false))
    }

    @Test func whatIsAddedMeanwhileComesBehind() throws {
        _ = try entry("a")
        _ = try entry("b")
        var sent: [String] = []
        _ = output.sendSome { stanza, _, _ in
            if sent.isEmpty { _ = try? entry("c") }
            sent.append(stanza.id ?? "")
            // It goes on by itself.
            #expect(send() == ([], false))
        }
        #expect(sent == ["a", "b", "c"])
    }

    @Test func stepsArePreparedWhenTheirTurnHasCome() throws {
        let message = try entry("a", isReady: false)
        var prepared = 0
        var steps = 3
        let history = RoomOutput.Entry(
            .steps { _ in
                steps -= 1
                return steps > 0
            }, isReady: false, prepare: { prepared += 1 })
        output.append(history)
        _ = send()
        #expect(prepared == 0)
        message.isReady = true
        #expect(send() == (["a:1"], false))
        _ = send()
        #expect(prepared == 1)
        history.isReady = true
        #expect(send().isMore)
        #expect(send().isMore)
        #expect(!send().isMore && output.isEmpty)
    }
}
