import Testing
import XML
import XMPP

@testable import XMPPServer

@Suite("Who answers a request") struct IQTableTests {
    private static let namespace: Namespace = "urn:example:iq"

    private func entry(
        _ type: IQRequest.Kind = .get, _ name: StaticString = "query", _ namespace: Namespace = namespace,
        to target: IQTarget, module: String = "a"
    ) -> IQTable.Entry {
        .init(type: type, name: name, namespace: namespace, target: target, module: module) { _ in .ok }
    }

    private func payload(_ name: String = "query", _ namespace: String = "urn:example:iq") throws -> Element {
        try Element(parsing: "<\(name) xmlns='\(namespace)'/>")
    }

    @Test func byTypeNameNamespaceAndTarget() throws {
        var table = IQTable()
        try table.add(entry(to: [.server, .ownAccount]))
        #expect(table.handler(for: .get, try payload(), target: .server) != nil)
        #expect(table.handler(for: .get, try payload(), target: .ownAccount) != nil)
        #expect(table.handler(for: .get, try payload(), target: .account) == nil)
        #expect(table.handler(for: .get, try payload(), target: .session) == nil)
        #expect(table.handler(for: .get, try payload(), target: []) == nil)
        #expect(table.handler(for: .set, try payload(), target: .server) == nil)
        #expect(table.handler(for: .get, try payload("item"), target: .server) == nil)
        #expect(table.handler(for: .get, try payload("query", "urn:example:other"), target: .server) == nil)
    }

    @Test func anyAddress() throws {
        var table = IQTable()
        try table.add(entry(to: .anyAddress))
        for target: IQTarget in [[], .server, .ownAccount, .account, .session] {
            #expect(table.handler(for: .get, try payload(), target: target) != nil)
        }
    }

    private static let overlapping: [(IQTarget, IQTarget)] = [
        (.server, .server), ([.server, .account], [.account, .session]), (.anyAddress, .server), (.server, .anyAddress),
        (.anyAddress, .anyAddress),
    ]

    @Test("Two modules for the same are refused when the host starts", arguments: overlapping)
    func conflicts(_ first: IQTarget, _ second: IQTarget) throws {
        var table = IQTable()
        try table.add(entry(to: first))
        let conflict = #expect(throws: ModuleConflict.self) { try table.add(entry(to: second, module: "b")) }
        #expect(conflict?.description == "b and a both answer get query in urn:example:iq")
    }

    @Test func noConflicts() throws {
        var table = IQTable()
        try table.add(entry(to: .server))
        try table.add(entry(to: [.account, .ownAccount], module: "b"))
        try table.add(entry(.set, to: .server, module: "c"))
        try table.add(entry(.get, "item", to: .server, module: "d"))
        try table.add(entry(.get, "query", "urn:example:other", to: .server, module: "e"))
    }
}
