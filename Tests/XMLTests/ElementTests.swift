import NIOCore
import Testing

@testable import XML

struct ElementTests {
    private let roster: Namespace = "jabber:iq:roster"

    private let iq = """
        <iq type='set' id='a&amp;b' xml:lang='de' empty=''>\
        <query xmlns='jabber:iq:roster'><item jid='c@d'/> <item jid='&quot;e&quot;'>x<group>G1</group>y\
        <![CDATA[<z>]]></item></query><other xmlns='urn:o' xmlns:p='urn:p' p:q='1' q='2'/></iq>
        """

    private func parsed() throws -> Element {
        try Element(parsing: iq, contentNamespace: .client)
    }

    @Test func names() throws {
        let element = try parsed()
        #expect(element.name == "iq")
        #expect(element.prefix == nil)
        #expect(element.namespace == .client)
        #expect(element.namespaceName == "jabber:client")
        #expect(element.isNamed("iq", .client))
        #expect(!element.isNamed("iq", roster))
        #expect(!element.isNamed("i", .client))
        #expect(element.hasName("iq"))
        #expect(!element.hasName("iqq"))
        let prefixed = try Element(parsing: "<p:a xmlns:p='urn:nobody-knows'/>")
        #expect(prefixed.name == "a")
        #expect(prefixed.prefix == "p")
        #expect(prefixed.hasName("a"))
        #expect(prefixed.namespace == nil)
        #expect(prefixed.namespaceName == "urn:nobody-knows")
        #expect(prefixed.description == "<a> in 'urn:nobody-knows', 33 bytes")
    }

    @Test func attributes() throws {
        let element = try parsed()
        #expect(element["type"] == "set")
        #expect(element["id"] == "a&b")
        #expect(element["empty"] == "")
        #expect(element["lang"] == nil)
        #expect(element["typ"] == nil)
        #expect(element["jid"] == nil)
        #expect(element.attribute("lang", .xml) == "de")
        #expect(element.attribute("type", .none) == "set")
        #expect(element.attribute("type", equals: "set"))
        #expect(element.attribute("id", equals: "a&b"))
        #expect(!element.attribute("id", equals: "a"))
        #expect(!element.attribute("no", equals: ""))
        #expect(element.withAttributeBytes("id") { $0.byteCount } == 3)
        #expect(element.withAttributeBytes("no") { $0.byteCount } == nil)
        let other = try #require(element.firstChild(in: "urn:o"))
        #expect(other["q"] == "2")
        #expect(other.attribute("q", "urn:p") == "1")
        #expect(other.attributes.map(\.name) == ["q", "q"])
        #expect(other.attributes.map(\.prefix) == ["p", nil])
        #expect(other.attributes.map(\.namespaceName) == ["urn:p", ""])
        #expect(other.attributes.map(\.value) == ["1", "2"])
    }

    @Test func children() throws {
        let element = try parsed()
        #expect(element.children.map(\.name) == ["query", "other"])
        #expect(element.firstChild?.name == "query")
        #expect(element.hasChild("query", roster))
        #expect(!element.hasChild("query", .client))
        #expect(element.firstChild(in: "urn:none") == nil)
        let query = try #require(element.child("query", roster))
        #expect(query.children.map { $0["jid"] } == ["c@d", "\"e\""])
        #expect(query.children.allSatisfy { $0.isIn(roster) })
        #expect(query.children.map(\.text) == ["", "xy<z>"])
        #expect(query.children.map(\.hasText) == [false, true])
        #expect(!query.hasText)
        #expect(query.text == " ")
    }

    @Test func bytesAreThoseReceived() throws {
        let element = try parsed()
        #expect(String(buffer: element.bytes) == iq)
        #expect(element.byteCount == iq.utf8.count)
        let item = try #require(element.child("query", roster)?.firstChild)
        #expect(String(buffer: item.bytes) == "<item jid='c@d'/>")
        #expect(String(buffer: item.detached().bytes) == "<item jid='c@d'/>")
    }

    static let selfContained: [(document: String, path: [Int], isSelfContained: Bool)] = [
        ("<a><b/></a>", [], true), ("<a><b/></a>", [0], true), ("<a xmlns='u'><b/></a>", [], true),
        ("<a xmlns='u'><b/></a>", [0], false), ("<a xmlns='u'><b xmlns='v'><c/></b></a>", [0], true),
        ("<a xmlns='jabber:client'><b/></a>", [0], true), ("<a xmlns:p='u'><p:b/></a>", [], true),
        ("<a xmlns:p='u'><p:b/></a>", [0], false), ("<a xmlns:p='u'><b p:c=''/></a>", [0], false),
        ("<a xmlns:p='u'><b><p:c/></b></a>", [0], false), ("<a xmlns:p='u'><b xmlns:p='u'><p:c/></b></a>", [0], true),
        ("<a xmlns:p='u'><p:b xmlns:p='v' p:c=''/></a>", [0], true), ("<a xml:lang='en'/>", [], true),
        ("<a xmlns='u'><b xmlns=''><c/></b></a>", [0], true), ("<a xmlns='u'><b xmlns=''><c/></b></a>", [0, 0], false),
        ("<p:a xmlns:p='u'><b/></p:a>", [], false), ("<p:a xmlns:p='u'><b xmlns=''/></p:a>", [], true),
    ]

    @Test(arguments: selfContained)
    func knowsIfItIsSelfContained(document: String, path: [Int], isSelfContained: Bool) throws {
        var element = try Element(parsing: document, contentNamespace: .client)
        for index in path { element = Array(element.children)[index] }
        #expect(element.isSelfContained == isSelfContained)
    }

    static let pairs: [(String, String, Bool)] = [
        ("<a/>", "<a></a>", true), ("<a b='1' c='2'/>", "<a c=\"2\" b=\"1\"/>", true), ("<a/>", "<b/>", false),
        ("<a xmlns='u'/>", "<p:a xmlns:p='u'/>", true), ("<a xmlns='u'/>", "<a xmlns='v'/>", false),
        ("<a xmlns:p='u' p:b='1'/>", "<a xmlns:q='u' q:b='1'/>", true),
        ("<a xmlns:p='u' p:b='1'/>", "<a b='1'/>", false),
        ("<a>x&amp;y</a>", "<a>x<![CDATA[&y]]></a>", true), ("<a>x</a>", "<a>y</a>", false),
        ("<a>x</a>", "<a/>", false),
        ("<a>x<b/>y</a>", "<a>x<b/>y</a>", true), ("<a>x<b/>y</a>", "<a>xy<b/></a>", false),
        ("<a><b/><c/></a>", "<a><c/><b/></a>", false), ("<a><b><c/></b></a>", "<a><b/><c/></a>", false),
        ("<a b='1'/>", "<a b='1' c=''/>", false), ("<a b='1'/>", "<a b='2'/>", false),
        ("<a b='&#x41;'/>", "<a b='A'/>", true),
        ("<a>\u{E9}</a>", "<a>e\u{301}</a>", false), ("<a xmlns='u&amp;'/>", "<a xmlns='u&#38;'/>", true),
    ]

    @Test(arguments: pairs)
    func equivalence(left: String, right: String, isEquivalent: Bool) throws {
        let (left, right) = (try Element(parsing: left), try Element(parsing: right))
        #expect(left.isEquivalent(to: right) == isEquivalent)
        #expect(right.isEquivalent(to: left) == isEquivalent)
    }

    @Test func depthTakesNoStack() throws {
        let depth = 60_000
        let text = String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        let limits = XMLLimits(stanzaBytes: 1_000_000, depth: depth)
        let element = try Element(parsing: ByteBuffer(string: text), limits: limits)
        #expect(element.isEquivalent(to: element))
        var writer = XMLWriter(contentNamespace: .client)
        writer.copy(element)
        #expect(writer.finish().readableBytes == text.utf8.count + 9)
        writer = XMLWriter(contentNamespace: .client)
        writer.normalise(element, root: nil)
        #expect(writer.finish().readableBytes < text.utf8.count + 100)
    }
}
