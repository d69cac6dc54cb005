import Foundation
import Testing

/// Every use case of XEP-0060 and XEP-0163 has a conversation that names its section.
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

    private static func sections(_ list: String) -> [String] { list.split { " \n".contains($0) }.map(String.init) }

    /// The sections that scripts name whose names begin so.
    private static func named(in prefix: String) throws -> Set<String> {
        let names = try FileManager.default.contentsOfDirectory(atPath: ConversationTests.directory)
        var found: Set<String> = []
        for name in names where name.hasPrefix(prefix) {
            let text = try String(contentsOfFile: "\(ConversationTests.directory)/\(name)", encoding: .utf8)
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

    @Test func accounts() throws {
        let found = try Self.named(in: "0163-")
        let missing = Self.sections(Self.ofAccounts).filter { !found.contains($0) }
        #expect(missing.isEmpty, "use cases of XEP-0163 without a conversation: \(missing)")
    }
}
