import NIOCore
import Testing

@testable import XML

struct XMLWriterTests {
    private func written(
        contentNamespace: Namespace = .client, _ body: (inout XMLWriter) throws -> Void
    ) rethrows -> String {
        var writer = XMLWriter(contentNamespace: contentNamespace)
        try body(&writer)
        let count = writer.byteCount
        let buffer = writer.finish()
        #expect(buffer.readableBytes >= count)
        return String(buffer: buffer)
    }

    @Test func elementsTextAndAttributes() {
        let text = written { writer in
            writer.element("iq", nil, ["type": "result", "id": "a<\"b", "to": nil]) { writer in
                writer.element("query", "jabber:iq:roster") { writer in
                    writer.element("item", nil, ["jid": "a@b"]) { $0.element("group", text: "x > y & z") }
                    writer.element("empty")
                }
            }
        }
        #expect(
            text == """
                <iq type="result" id="a&lt;&quot;b"><query xmlns="jabber:iq:roster"><item jid="a@b">\
                <group>x &gt; y &amp; z</group></item><empty /></query></iq>
                """)
    }

    @Test func namespacesAreDeclaredWhereTheyChange() {
        let text = written { writer in
            writer.start("message", .client)
            writer.element("x", "urn:x") { writer in
                writer.element("y")
                writer.element("z", "urn:x")
                writer.element("body", .client, text: "1")
                writer.element("none", Namespace.none) { $0.element("inner") }
            }
            writer.element("body", text: "")
            writer.end()
        }
        #expect(
            text == """
                <message><x xmlns="urn:x"><y /><z /><body xmlns="jabber:client">1</body>\
                <none xmlns=""><inner /></none></x><body /></message>
                """)
    }

    @Test func namesOfNamespacesAreEscaped() throws {
        let namespace: Namespace = "urn:x?a=\"1\"&b=2"
        let text = written { $0.element("a", namespace) }
        #expect(try Element(parsing: text).isIn(namespace))
    }

    @Test func prefixedElementsDeclareTheirs() {
        let streams: Namespace = "http://etherx.jabber.org/streams"
        let text = written { writer in
            writer.start("features", prefix: "stream", streams)
            writer.element("bind", "urn:ietf:params:xml:ns:xmpp-bind")
            writer.element("plain")
            writer.end()
            writer.start("error", prefix: "stream", streams)
            writer.end()
        }
        #expect(
            text == """
                <stream:features xmlns:stream="http://etherx.jabber.org/streams">\
                <bind xmlns="urn:ietf:params:xml:ns:xmpp-bind" /><plain /></stream:features>\
                <stream:error xmlns:stream="http://etherx.jabber.org/streams" />
                """)
    }

    @Test func whatIsOpenStaysOpen() {
        let text = written { writer in
            writer.raw("<?xml version=\"1.0\"?>")
            writer.start("stream", prefix: "stream", "http://etherx.jabber.org/streams")
            writer.attribute("xmlns", "jabber:client")
            writer.attribute("id", 7)
        }
        #expect(
            text == """
                <?xml version="1.0"?><stream:stream xmlns:stream="http://etherx.jabber.org/streams" \
                xmlns="jabber:client" id="7">
                """)
    }

    @Test func everyKindOfAttribute() {
        let literal: StaticString = "<&>"
        let missing: String? = nil
        let text = written { writer in
            writer.start("a")
            writer.attribute("string", "1")
            writer.attribute("literal", literal)
            writer.attribute("number", -3)
            writer.attribute("missing", missing)
            writer.lang("en")
            writer.lang(nil)
            writer.end()
        }
        #expect(text == "<a string=\"1\" literal=\"&lt;&amp;&gt;\" number=\"-3\" xml:lang=\"en\" />")
    }

    static let values = [
        "", "plain", "exactly8", "<>&'\"", "tab\tnew\nreturn\r", "\u{E9}\u{20AC}\u{1F600}", "long enough for words <",
        "ends in a long run of text & then some more text", "\u{FFFD}\u{FFEF}", "]]>", "\u{7F}\u{85}",
    ]

    @Test(arguments: values)
    func valuesComeBack(value: String) throws {
        let text = written { writer in
            writer.element("a", nil, ["b": value], text: value)
        }
        let element = try Element(parsing: text)
        #expect(element["b"].map { Array($0.utf8) } == Array(value.utf8))
        #expect(Array(element.text.utf8) == Array(value.utf8))
        #expect(Expat.tree(Array(text.utf8)) == Tree(element))
    }

    @Test func charactersThatXMLDoesNotHaveAreReplaced() throws {
        let value = "a\u{0}b\u{1F}c\u{FFFE}d\u{FFFF}e\u{B}"
        let text = written { $0.element("a", nil, ["b": value], text: value) }
        let element = try Element(parsing: text)
        #expect(element.text == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}")
        #expect(element["b"] == element.text)
    }

    @Test func errorsOfTheContentAreThrown() {
        var writer = XMLWriter()
        #expect(throws: Unexpected.self) {
            try writer.element("a") { _ throws(Unexpected) in throw Unexpected() }
        }
    }

    @Test func appendsToABuffer() {
        var writer = XMLWriter(appendingTo: ByteBuffer(string: "<a>"))
        writer.element("b")
        #expect(writer.byteCount == 5)
        #expect(String(buffer: writer.finish()) == "<a><b />")
    }

    @Test func dynamicElements() {
        let text = written { writer in
            writer.start(dynamic: "a", namespaceName: "jabber:client")
            writer.start(dynamic: "b", namespaceName: "u\"&")
            writer.element("c")
            writer.element("d", .client)
            writer.start(dynamic: "e", namespaceName: "u\"&")
            writer.end()
            writer.end()
            writer.end()
        }
        #expect(text == "<a><b xmlns=\"u&quot;&amp;\"><c /><d xmlns=\"jabber:client\" /><e /></b></a>")
    }
}
