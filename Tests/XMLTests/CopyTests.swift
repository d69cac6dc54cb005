import NIOCore
import Testing

@testable import XML

/// Received elements written into other places.
struct CopyTests {
    static let stanzas: [(received: String, written: String)] = [
        ("<message/>", "<message from=\"f\" to=\"t\" xml:lang=\"en\" />"),
        ("<message></message>", "<message from=\"f\" to=\"t\" xml:lang=\"en\"></message>"),
        (
            "<message from='x' type='chat' to='y' id='1'><body>H</body><x xmlns='y'/></message>",
            "<message from=\"f\" to=\"t\" type=\"chat\" id=\"1\" xml:lang=\"en\"><body>H</body><x xmlns='y'/></message>"
        ),
        ("<iq xml:lang='de'/>", "<iq from=\"f\" to=\"t\" xml:lang=\"de\" />"),
        ("<iq xmlns='jabber:client'/>", "<iq from=\"f\" to=\"t\" xml:lang=\"en\" />"),
        (
            "<iq id='a\"b&amp;' a=\"c'd\"/>",
            "<iq from=\"f\" to=\"t\" id='a\"b&amp;' a=\"c'd\" xml:lang=\"en\" />"
        ),
        (
            "<iq xmlns:p='u' p:from='1'><p:from/></iq>",
            "<iq from=\"f\" to=\"t\" xmlns:p=\"u\" p:from=\"1\" xml:lang=\"en\"><p:from/></iq>"
        ),
        ("<iq xmlns='u'><a/></iq>", "<iq from=\"f\" to=\"t\" xmlns=\"u\" xml:lang=\"en\"><a/></iq>"),
        ("<iq\n from = 'x'\n a = 'b' >\n</iq >", "<iq from=\"f\" to=\"t\" a=\"b\" xml:lang=\"en\">\n</iq >"),
        (
            "<c:iq xmlns:c='jabber:client' from='x' id='i'><c:a>&lt;<b xmlns='u'/></c:a></c:iq>",
            "<iq from=\"f\" to=\"t\" xml:lang=\"en\" id=\"i\"><a>&lt;<b xmlns=\"u\" /></a></iq>"
        ),
    ]

    @Test(arguments: stanzas)
    func passingOn(received: String, expected: String) throws {
        let element = try Element(parsing: received, contentNamespace: .client)
        var writer = XMLWriter()
        writer.stanza(element, from: "f", to: "t", lang: "en")
        #expect(String(buffer: writer.finish()) == expected)
    }

    @Test("What is written once for many is the same for each", arguments: stanzas)
    func writtenForMany(received: String, expected: String) throws {
        let element = try Element(parsing: received, contentNamespace: .client)
        let written = WrittenStanza(element, from: "f", lang: "en")
        for namespace in [Namespace.client, .none] {
            for to in ["t", "a&b", nil] {
                var alone = XMLWriter(contentNamespace: namespace)
                alone.stanza(element, from: "f", to: to, lang: "en")
                var copied = XMLWriter(contentNamespace: namespace)
                copied.stanza(written, to: to)
                let trees = try [alone.finish(), copied.finish()].map {
                    Tree(try Element(parsing: $0, contentNamespace: namespace))
                }
                #expect(trees[0] == trees[1])
            }
        }
        var writer = XMLWriter()
        writer.stanza(written, to: "t")
        writer.stanza(written, to: nil)
        let name = expected.prefix { $0 != " " }
        let others = expected.replacing(" from=\"f\" to=\"t\"", with: " from=\"f\"").dropFirst(name.count)
        #expect(String(buffer: writer.finish()) == "\(name) to=\"t\"\(others)\(name)\(others)")
    }

    @Test(arguments: [
        ("<message><body>1</body></message>", "<message to=\"t\"><body>1</body><x /></message>"),
        ("<message/>", "<message to=\"t\"><x /></message>"),
        ("<message></message\n >", "<message to=\"t\"><x /></message>"),
        ("<message type='chat' />", "<message to=\"t\" type=\"chat\"><x /></message>"),
        (
            "<c:message xmlns:c='jabber:client'><c:body>1</c:body></c:message>",
            "<message to=\"t\"><body>1</body><x /></message>"
        ),
        ("<message>&lt;</message>", "<message to=\"t\">&lt;<x /></message>"),
    ])
    func passingOnWithMore(received: String, expected: String) throws {
        let element = try Element(parsing: received, contentNamespace: .client)
        var writer = XMLWriter()
        writer.stanza(element, from: nil, to: "t", appending: ByteBuffer(string: "<x />"))
        #expect(String(buffer: writer.finish()) == expected)

        var outside = XMLWriter(contentNamespace: .none)
        outside.stanza(element, from: nil, to: "t", appending: ByteBuffer(string: "<x />"))
        let whole = try Element(parsing: outside.finish())
        #expect(whole.isIn(.client) && whole.child("x", .client) != nil)
    }

    @Test func addressesAndIdentifiersAreOptional() throws {
        let element = try Element(parsing: "<iq from='x' to='y' id='1' type='get'/>", contentNamespace: .client)
        var writer = XMLWriter()
        writer.stanza(element, from: nil, to: nil)
        writer.stanza(element, from: "a&b", to: nil, id: "2")
        writer.stanza(element, from: nil, to: nil, lang: nil, id: nil)
        #expect(
            String(buffer: writer.finish())
                == "<iq id=\"1\" type=\"get\" /><iq from=\"a&amp;b\" id=\"2\" type=\"get\" /><iq type=\"get\" />")
    }

    @Test func aStanzaInsideOfAnother() throws {
        let element = try Element(parsing: "<message to='y'><body>1</body></message>", contentNamespace: .client)
        var writer = XMLWriter()
        writer.element("message") { writer in
            writer.element("forwarded", "urn:xmpp:forward:0") { writer in
                writer.stanza(element, from: "f", to: "t")
                writer.copy(element)
            }
        }
        #expect(
            String(buffer: writer.finish()) == """
                <message><forwarded xmlns="urn:xmpp:forward:0">\
                <message xmlns="jabber:client" from="f" to="t"><body>1</body></message>\
                <message xmlns="jabber:client" to='y'><body>1</body></message></forwarded></message>
                """)
    }

    @Test func prefixesOfTheStreamAreDeclaredOnce() throws {
        var parser = StreamParser(limits: .init())
        parser.feed(
            ByteBuffer(string: "<s xmlns='jabber:client' xmlns:p='u\"&amp;'><a b='1'><p:c p:d='2' e='3'>x</p:c></a>"))
        guard case .opened? = try parser.next() else { throw Unexpected() }
        let element = try #require(try parser.element())
        var writer = XMLWriter()
        writer.copy(element)
        let text = String(buffer: writer.finish())
        #expect(Tree(try Element(parsing: text, contentNamespace: .client)) == Tree(element))
        #expect(text == "<a xmlns:p='u\"&amp;' b='1'><p:c p:d='2' e='3'>x</p:c></a>")
    }

    /// Whatever is received, and wherever it is written, means the same there.
    @Test func roundTrips() throws {
        for stream in SplitTests.streams(0..<400) {
            var parser = StreamParser(limits: .init())
            parser.feed(ByteBuffer(bytes: stream))
            guard case .opened? = try parser.next() else { throw Unexpected() }
            while let element = try parser.element() {
                try roundTrip(element)
                for child in element.children { try roundTrip(child) }
            }
        }
    }

    private func roundTrip(_ element: Element) throws {
        let tree = Tree(element)
        for content in [Namespace.client, .none, "urn:x"] {
            var writer = XMLWriter(contentNamespace: content)
            writer.copy(element)
            try expect(writer.finish(), content, tree)

            writer = XMLWriter(contentNamespace: content)
            writer.normalise(element, root: nil)
            try expect(writer.finish(), content, tree)

            writer = XMLWriter(contentNamespace: content)
            writer.start(dynamic: "wrapper", namespaceName: "u")
            writer.copy(element)
            writer.end()
            try expect(writer.finish(), content, Tree(name: "{u}wrapper", content: [.element(tree)]))

            var addressed = tree
            addressed.attributes["{}from"] = "f"
            addressed.attributes["{}to"] = nil
            if tree.attributes["{http://www.w3.org/XML/1998/namespace}lang"] == nil {
                addressed.attributes["{http://www.w3.org/XML/1998/namespace}lang"] = "fr"
            }
            writer = XMLWriter(contentNamespace: content)
            writer.stanza(element, from: "f", to: nil, lang: "fr")
            try expect(writer.finish(), content, addressed)
        }
    }

    private func expect(_ buffer: ByteBuffer, _ content: Namespace, _ tree: Tree) throws {
        let element = try Element(parsing: buffer, contentNamespace: content)
        #expect(Tree(element) == tree, "\(String(buffer: buffer).debugDescription)")
    }
}
