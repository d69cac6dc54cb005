import Foundation
import Testing

/// Every use case of XEP-0045, XEP-0060 and XEP-0163 has a conversation that names its section.
@Suite struct UseCaseTests {
    /// Of XEP-0060, sections 5 to 9.
    private static let ofNodes = """
        5.1 5.2 5.3 5.4 5.5 5.6 5.7
        6.1.2 6.1.3.1 6.1.3.2 6.1.3.3 6.1.3.4 6.1.3.7 6.1.3.8 6.1.3.9 6.1.3.10 6.1.3.12 6.1.4 6.1.6 6.1.7
        6.2.2 6.2.3.2 6.2.3.3 6.2.3.4 6.2.3.5
        6.3.3 6.3.4.1 6.3.4.2 6.3.4.3 6.3.4.5 6.3.4.7 6.3.5 6.3.6.1 6.3.6.2 6.3.7 6.4
        6.5.2 6.5.3 6.5.4 6.5.7 6.5.8
        6.5.9.3 6.5.9.4 6.5.9.6 6.5.9.7 6.5.9.8 6.5.9.10 6.5.9.11 6.5.9.12
        7.1.2.1 7.1.2.2 7.1.2.3 7.1.2.5 7.1.3.1 7.1.3.3 7.1.3.4 7.1.3.5 7.1.3.6 7.1.3.7 7.1.4 7.1.5
        7.2.2.1 7.2.3.1 7.2.3.2 7.2.3.3 7.2.3.4 7.2.3.5
        8.1.1 8.1.2 8.1.3 8.2.2 8.2.3.2 8.2.3.3 8.2.3.5 8.2.5.1 8.2.5.2 8.2.5.3 8.3.3
        8.4.2 8.4.3.1 8.4.3.2 8.5.2 8.5.3.2 8.5.3.3 8.5.3.4 8.6 8.7.2 8.7.3.3 8.7.3.4 8.7.4
        8.8.1 8.8.1.3 8.8.2 8.8.2.3 8.8.2.4 8.8.3 8.8.4 8.9.1 8.9.1.3 8.9.2 8.9.2.3 8.9.2.4 8.9.3
        9.1.1 9.1.2 9.2
        """

    /// Sections with nothing to show: what the service does not do, or refuses nobody for.
    private static let withoutCase: [String: String] = [
        "6.1.3.5 6.5.9.9": "nobody pays", "6.1.3.6": "everybody has an address",
        "6.1.3.11": "where a node has gone is told to its subscribers when it goes, and not remembered",
        "6.1.5": "a subscription is configured as usual until it is configured otherwise",
        "6.2.3.1 6.3.4.4 6.5.9.1 6.5.9.2 7.1.2.4 7.2.2.2": "an address has one subscription to a node",
        "6.3.4.6 6.4.3.1 6.4.3.2 6.5.9.5 7.1.3.2 7.2.3.6 8.2.3.1 8.2.3.4 8.3.4.1 8.3.4.2 8.5.3.1 8.7.3.1 8.7.3.2":
            "the service has the feature",
        "6.5.5 6.5.6": "all items of a page are told, with their payloads",
        "8.9.4": "a MAY: whoever is made something to a node learns it by §5.7",
        "9.1.3": "who shares presence is told by §9.1.2 the other way round",
    ]

    /// Of XEP-0163.
    private static let ofAccounts = "3 4.1 4.2 4.3.1 4.3.2 4.3.3 4.3.4 5 6.1 6.2 7.1"

    /// Of XEP-0045, sections 6 to 10.
    private static let ofRooms = """
        6.1 6.2 6.3 6.4 6.5 6.6
        7.1 7.2.1 7.2.2 7.2.3 7.2.4 7.2.5 7.2.6 7.2.7 7.2.8 7.2.9 7.2.10 7.2.11 7.2.12 7.2.13 7.2.14 7.2.15 7.2.16 7.2.17
        7.2.18 7.3 7.4 7.5 7.6 7.7 7.8.1 7.8.2 7.9 7.10 7.11 7.12 7.13 7.14
        8.1 8.2 8.3 8.4 8.5 8.6 9.1 9.2 9.3 9.4 9.5 9.6 9.7 9.8 9.9
        10.1.1 10.1.2 10.1.3 10.2 10.2.1 10.3 10.4 10.5 10.6 10.7 10.8 10.9
        """

    /// Status codes that a room tells people, XEP-0045 §16.6.2.
    private static let codes = "100 101 104 110 170 171 172 173 201 301 303 307 321 322 333"
    /// Those that it never tells, each with its reason.
    private static let withoutSituation = [
        "102 103": "a room shows nobody who is not there",
        "210": "nobody has another nickname than they have asked for",
        "332": "people are in a room as before when the server is back",
    ]

    private static func sections(_ list: String) -> [String] { list.split { " \n".contains($0) }.map(String.init) }

    /// The scripts whose names begin so.
    private static func scripts(in prefix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: ConversationTests.directory).filter { $0.hasPrefix(prefix) }
            .map { try String(contentsOfFile: "\(ConversationTests.directory)/\($0)", encoding: .utf8) }
    }

    /// The sections that scripts name whose names begin so.
    private static func named(in prefix: String) throws -> Set<String> {
        var found: Set<String> = []
        for text in try scripts(in: prefix) {
            for line in text.split(separator: "\n") where line.hasPrefix("#") {
                for section in line.split(separator: "§").dropFirst() {
                    let number = section.prefix { $0.isNumber || $0 == "." }
                    found.insert(number.hasSuffix(".") ? String(number.dropLast()) : String(number))
                }
            }
        }
        return found
    }

    @Test func nodes() throws {
        let found = try Self.named(in: "0060-").union(Self.named(in: "0163-"))
        let missing = Self.sections(Self.ofNodes).filter { !found.contains($0) }
        #expect(missing.isEmpty, "use cases of XEP-0060 without a conversation: \(missing)")
        let excused = Set(Self.withoutCase.keys.flatMap(Self.sections))
        #expect(excused.isDisjoint(with: Self.sections(Self.ofNodes)))
    }

    @Test func rooms() throws {
        let found = try Self.named(in: "0045-").union(Self.named(in: "0249-"))
        let missing = Self.sections(Self.ofRooms).filter { !found.contains($0) }
        #expect(missing.isEmpty, "use cases of XEP-0045 without a conversation: \(missing)")
    }

    @Test func statusCodesOfRooms() throws {
        let told = try Self.scripts(in: "0045-").joined()
        let missing = Self.sections(Self.codes).filter { !told.contains("<status code=\"\($0)\" />") }
        #expect(missing.isEmpty, "status codes of XEP-0045 that no conversation has: \(missing)")
        let excused = Set(Self.withoutSituation.keys.flatMap(Self.sections))
        #expect(excused.isDisjoint(with: Self.sections(Self.codes)))
    }

    @Test func accounts() throws {
        let found = try Self.named(in: "0163-")
        let missing = Self.sections(Self.ofAccounts).filter { !found.contains($0) }
        #expect(missing.isEmpty, "use cases of XEP-0163 without a conversation: \(missing)")
    }
}
