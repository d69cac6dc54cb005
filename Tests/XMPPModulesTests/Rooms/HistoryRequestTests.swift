import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPModules

/// XEP-0045 §7.2.14: how much of what was said somebody wants.
@Suite struct HistoryRequestTests {
    private func request(_ attributes: String) throws -> HistoryRequest {
        HistoryRequest(
            try Element(
                parsing: .init(
                    string: "<x xmlns=\"http://jabber.org/protocol/muc\"><history \(attributes)/></x>"),
                contentNamespace: .client))
    }

    @Test func bounds() throws {
        let asked = try request(#"maxstanzas="5" maxchars="100" seconds="60" since="2012-04-26T10:00:00Z""#)
        #expect(asked.stanzas == 5)
        #expect(asked.characters == 100)
        #expect(asked.age == 60)
        #expect(asked.since == Timestamp("2012-04-26T10:00:00Z"))
        #expect(try request("") == HistoryRequest())
        #expect(try request(#"maxstanzas="-1" maxchars="x" seconds="" since="yesterday""#) == HistoryRequest())
    }

    @Test func theLastThatFitAreTaken() {
        let fitting = { (characters: Int) in
            Array(HistoryRequest.fitting([10, 20, 30], characters: characters) { $0 })
        }
        #expect(fitting(.max) == [10, 20, 30])
        #expect(fitting(59) == [20, 30])
        #expect(fitting(30) == [30])
        #expect(fitting(29) == [])
        #expect(fitting(0) == [])
    }
}
