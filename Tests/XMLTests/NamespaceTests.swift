import NIOCore
import Testing

@testable import XML

struct NamespaceTests {
    @Test func equalNamesAreEqual() {
        let one: Namespace = "urn:swallowtail:test:equal"
        let two = Namespace("urn:swallowtail:test:equal")
        #expect(one == two)
        #expect(one.hashValue == two.hashValue)
        #expect(one != .client)
        #expect(one.name == "urn:swallowtail:test:equal")
        #expect(Namespace.none.name == "")
        #expect(Namespace("") == .none)
        #expect(Namespace("http://www.w3.org/XML/1998/namespace") == .xml)
        #expect(Namespace.xml.id == NamespaceID.xml)
        #expect(Namespace("a").name == "a")
    }

    /// A module may be the first one to name a namespace after an element in it was parsed.
    @Test func namesLearnedLater() throws {
        var parser = StreamParser(limits: .init())
        parser.feed(
            ByteBuffer(
                string: "<s xmlns:p='urn:swallowtail:test:late-prefix'><a xmlns='urn:swallowtail:test:late' p:b='1'/>"))
        guard case .opened? = try parser.next() else { throw Unexpected() }
        let element = try #require(try parser.element())
        #expect(element.namespace == nil)
        let late: Namespace = "urn:swallowtail:test:late"
        let latePrefix: Namespace = "urn:swallowtail:test:late-prefix"
        #expect(element.isIn(late))
        #expect(element.namespace == late)
        #expect(element.isNamed("a", late))
        #expect(element.attribute("b", latePrefix) == "1")
        parser.feed(ByteBuffer(string: "<a xmlns='urn:swallowtail:test:late'/><p:c/>"))
        let second = try #require(try parser.element())
        #expect(second.node.namespace == late.id)
        #expect(try parser.element()?.namespace == latePrefix)
        #expect(second.isEquivalent(to: try Element(parsing: "<p:a xmlns:p='urn:swallowtail:test:late'/>")))
    }

    @Test func referencesInNames() throws {
        let name: Namespace = "urn:swallowtail:test:a&b"
        let element = try Element(parsing: "<a xmlns='urn:swallowtail&#58;test:a&amp;b'/>")
        #expect(element.isIn(name))
        #expect(element.namespace == name)
        #expect(element.namespaceName == name.name)
    }

    @Test func manyAreFoundAgain() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let namespaces: [Namespace] = [
                        "urn:swallowtail:test:1", "urn:swallowtail:test:2", "urn:swallowtail:test:3",
                        "urn:swallowtail:test:4", "urn:swallowtail:test:5", "urn:swallowtail:test:6",
                    ]
                    for namespace in namespaces {
                        let element = try? Element(parsing: "<a xmlns='\(namespace.name)'/>")
                        #expect(element?.namespace == namespace)
                    }
                }
            }
        }
    }
}
