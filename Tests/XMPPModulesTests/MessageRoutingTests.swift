import TestKit
import Testing

/// RFC 6121 §8.5, table 1: where a message goes, by its type, its address, and the sessions of the account.
@Suite struct MessageRoutingTests {
    /// What becomes of a message.
    private enum Outcome: String {
        /// The sessions of these names get it; for none, nobody does and nobody is told.
        case first, second, both, nobody
        /// The sender gets an error.
        case refused
        /// It is kept for the account's next session.
        case kept
    }

    /// Two sessions of one account, by their priorities; nil: not there.
    struct Sessions: Sendable, CustomTestStringConvertible {
        let first: Int?
        let second: Int?

        var testDescription: String { "\(first.map(String.init) ?? "none"), \(second.map(String.init) ?? "none")" }
    }

    enum Address: String, CaseIterable, Sendable {
        case bare = "juliet@localhost"
        case present = "juliet@localhost/first"
        case absent = "juliet@localhost/absent"
    }

    static let types = ["normal", "chat", "headline", "groupchat", "error"]

    static let sessions = [
        Sessions(first: nil, second: nil), Sessions(first: 0, second: nil), Sessions(first: -1, second: nil),
        Sessions(first: 1, second: 5), Sessions(first: 5, second: 1), Sessions(first: 3, second: 3),
        Sessions(first: -1, second: 0), Sessions(first: -1, second: -5),
    ]

    @Test(arguments: types, sessions) func message(_ type: String, _ sessions: Sessions) async throws {
        for address in Address.allCases where address != .present || sessions.first != nil {
            let outcome = Self.outcome(type, address, sessions)
            let text = Self.script(type, address, sessions, outcome)
            do {
                try await Conversation.run(try Script(name: "\(type) to \(address)", text: text), on: .memory)
            } catch {
                Issue.record("\(type) to \(address) should be \(outcome): \(error)")
            }
        }
    }

    /// The table itself.
    private static func outcome(_ type: String, _ address: Address, _ sessions: Sessions) -> Outcome {
        switch (type, address) {
        case (_, .present): .first
        case ("error", _): .nobody
        case ("groupchat", _), ("normal", .absent), ("headline", .absent): .refused
        case ("headline", _): takers(sessions, ofHighest: false) ?? .nobody
        default: takers(sessions, ofHighest: true) ?? .kept
        }
    }

    private static func takers(_ sessions: Sessions, ofHighest: Bool) -> Outcome? {
        let first = sessions.first ?? -1
        let second = sessions.second ?? -1
        guard max(first, second) >= 0 else { return nil }
        if min(first, second) >= 0, !ofHighest || first == second { return .both }
        return first > second ? .first : .second
    }

    private static func script(_ type: String, _ address: Address, _ sessions: Sessions, _ outcome: Outcome) -> String {
        var lines = ["client romeo/pc"]
        var present: [String] = []
        for (name, priority) in [("first", sessions.first), ("second", sessions.second)] {
            guard let priority else { continue }
            present.append(name)
            lines.append("client juliet/\(name)")
            lines.append("juliet/\(name) sends <presence><priority>\(priority)</priority></presence>")
        }
        lines.append("all ignore the rest")
        let content = "to=\"\(address.rawValue)\" id=\"m1\" type=\"\(type)\"><body>Hello</body>"
        // What is archived tells its id.
        let received = type == "normal" || type == "chat" ? content + "<*/>" : content
        lines.append("romeo sends <message \(content)</message>")
        for name in present where outcome.rawValue == name || outcome == .both {
            lines.append("juliet/\(name) receives <message from=\"{{romeo/pc}}\" \(received)</message>")
        }
        if outcome == .refused {
            lines.append(
                "romeo receives <message from=\"\(address.rawValue)\" to=\"{{romeo/pc}}\" id=\"m1\" type=\"error\">"
                    + "<error type=\"cancel\"><service-unavailable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/>"
                    + "</error></message>")
        }
        lines += (present.map { "juliet/\($0)" } + ["romeo"]).map { "\($0) receives nothing" }
        lines += [
            "client juliet/later", "juliet/later sends <presence><priority>9</priority></presence>",
            "juliet/later receives in any order",
            "  <presence from=\"{{juliet/later}}\" to=\"{{juliet}}\">...</presence>",
        ]
        for (name, priority) in [("first", sessions.first), ("second", sessions.second)] where priority != nil {
            lines.append("  <presence from=\"juliet@localhost/\(name)\" to=\"{{juliet}}\">...</presence>")
        }
        if outcome == .kept {
            lines.append("juliet/later receives <message from=\"{{romeo/pc}}\" \(received)<*/></message>")
        }
        lines.append("juliet/later receives nothing")
        return lines.joined(separator: "\n")
    }
}
