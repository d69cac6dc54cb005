import NIOCore
import Testing

@testable import XML

/// Stanzas of streams whose content namespace is not that of clients.
@Suite struct ContentNamespaceTests {
    private static let component: Namespace = "jabber:component:accept"
    private static let header =
        "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
        + "xmlns:c='jabber:component:accept'>"

    private static func parser() -> StreamParser {
        StreamParser(limits: .init(), contentNamespace: component)
    }

    /// A stanza that came on a component's stream, as it was received and as a client gets it.
    private static func stanza(_ text: String) throws -> (received: Element, passedOn: String) {
        var parser = parser()
        parser.feed(ByteBuffer(string: header + text))
        guard case .opened? = try parser.next() else { throw Unexpected() }
        let element = try #require(try parser.element())
        var writer = XMLWriter()
        writer.stanza(element, from: "a", to: "b")
        return (element, String(buffer: writer.finish()))
    }

    @Test(
        "Whatever names the stream's content is in the namespace of clients",
        arguments: [
            "<message><body>1</body></message>",
            "<message xmlns='jabber:component:accept'><body>1</body></message>",
            "<message xmlns=\"jabber:component:accept\" ><body xmlns='jabber:component:accept'>1</body></message>",
            "<message><body xmlns='jabber&#58;component:acc&#x65;pt'>1</body></message>",
            "<message xmlns='jabber:client'><body>1</body></message>",
            "<message><body xmlns='jabber:client'>1</body></message>",
            "<c:message><c:body>1</c:body></c:message>",
            "<message><d:body xmlns:d='jabber:component:accept'>1</d:body></message>",
            "<message xmlns:d='jabber:component:accept'><d:body>1</d:body></message>",
        ])
    func normalised(_ text: String) throws {
        let (element, passedOn) = try Self.stanza(text)
        #expect(element.isNamed("message", .client))
        #expect(element.child("body", .client)?.text == "1")
        let expected = Tree(
            name: "{jabber:client}message", attributes: ["{}from": "a", "{}to": "b"],
            content: [.element(Tree(name: "{jabber:client}body", content: [.text("1")]))])
        #expect(Tree(try Element(parsing: passedOn, contentNamespace: .client)) == expected)
        #expect(!passedOn.contains("component"))
    }

    @Test func theSameInParts() throws {
        let text = Self.header + "<iq xmlns='jabber:component:accept' id='1'><q xmlns='urn:x'/></iq>"
        for split in 1..<text.utf8.count {
            var parser = Self.parser()
            parser.feed(ByteBuffer(string: String(text.prefix(split))))
            var found: Element?
            for part in ["", String(text.dropFirst(split))] {
                parser.feed(ByteBuffer(string: part))
                while let event = try parser.next() {
                    if case .element(let element) = event { found = element }
                }
            }
            #expect(found?.isNamed("iq", .client) == true)
            #expect(found?["id"] == "1")
        }
    }

    @Test("What was received stays untouched in what others hold")
    func bytesAreNotShared() throws {
        let bytes = ByteBuffer(string: Self.header + "<message xmlns='jabber:component:accept'/>")
        var parser = Self.parser()
        parser.feed(bytes)
        _ = try parser.next()
        _ = try parser.element()
        #expect(String(buffer: bytes).hasSuffix("<message xmlns='jabber:component:accept'/>"))
    }

    @Test func theStreamSaysWhichItIs() throws {
        for (declared, isRight) in [
            ("jabber:component:accept", true), ("jabber:client", false), ("jabber:server", false), ("", false),
        ] {
            var parser = Self.parser()
            parser.feed(ByteBuffer(string: "<s:stream xmlns='\(declared)' xmlns:s='http://etherx.jabber.org/streams'>"))
            _ = try parser.next()
            let (isComponent, isClient) = (
                parser.hasContentNamespace(Self.component), parser.hasContentNamespace(.client)
            )
            #expect(isComponent == isRight)
            #expect(isClient == (declared == "jabber:client"))
            parser.reset()
            parser.feed(ByteBuffer(string: Self.header))
            _ = try parser.next()
            let isComponentAgain = parser.hasContentNamespace(Self.component)
            #expect(isComponentAgain)
        }
    }

    @Test(
        "Anything means what it would mean on a client's stream, and so does what is passed on",
        arguments: Array<UInt64>(0..<300))
    func random(_ seed: UInt64) throws {
        var generator = DocumentGenerator(seed: seed)
        let text = generator.element(prefixes: [])
        var client = StreamParser(limits: .init())
        let clientHeader = Self.header.replacing("component:accept", with: "client")
        client.feed(ByteBuffer(string: clientHeader + text))
        _ = try client.next()
        let expected = try #require(try client.element())
        let (element, _) = try Self.stanza(text.replacing("jabber:client", with: "jabber:component:accept"))
        #expect(Tree(element) == Tree(expected))
        var writer = XMLWriter()
        writer.copy(element)
        #expect(Tree(try Element(ownOutput: writer.finish(), contentNamespace: .client)) == Tree(expected))
        let kept = element.detached()
        #expect(Tree(kept) == Tree(expected))
    }

    @Test("Damaged stanzas that are still some mean the same where they are passed on")
    func damaged() throws {
        var mutator = Mutator(dice: Dice(seed: 4))
        var count = 0
        for seed in 0..<3_000 {
            var generator = DocumentGenerator(seed: UInt64(seed))
            let text = generator.element(prefixes: []).replacing("jabber:client", with: "jabber:component:accept")
            var parser = Self.parser()
            parser.feed(ByteBuffer(string: Self.header))
            _ = try parser.next()
            parser.feed(ByteBuffer(bytes: mutator.mutated(Array(text.utf8))))
            // What is no XML ends the stream.
            while let element = try? parser.element() {
                count += 1
                var writer = XMLWriter()
                writer.copy(element)
                let written = writer.finish()
                let read = try Element(ownOutput: written, contentNamespace: .client)
                #expect(Tree(read) == Tree(element))
                let stripped = try Element(ownOutput: written.withoutContentDeclarations(), contentNamespace: .client)
                #expect(Tree(stripped) == Tree(element))
            }
        }
        #expect(count > 300)
    }

    @Test("A client's stream knows nothing of it")
    func notForClients() throws {
        var parser = StreamParser(limits: .init())
        parser.feed(ByteBuffer(string: "<s xmlns='jabber:client'><message xmlns='jabber:component:accept'/>"))
        _ = try parser.next()
        #expect(try parser.element()?.isIn(.client) == false)
    }

    // MARK: Output

    @Test(
        "What stands on another stream names no namespace of clients where it need not",
        arguments: [
            ("<message><body>1</body></message>", "<message><body>1</body></message>"),
            (
                "<message xmlns='jabber:client' id=\"1\"><body xmlns=\"jabber:client\">1</body></message>",
                "<message id=\"1\"><body>1</body></message>"
            ),
            ("<message><body>jabber:client</body></message>", "<message><body>jabber:client</body></message>"),
            (
                "<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message>"
                    + "</forwarded><body xmlns='jabber:client'/></message>",
                "<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message>"
                    + "</forwarded><body/></message>"
            ),
            (
                "<iq><query xmlns=''><a xmlns='jabber:client'><b xmlns='jabber:client'/></a></query></iq>",
                "<iq><query xmlns=''><a xmlns='jabber:client'><b/></a></query></iq>"
            ),
        ])
    func withoutDeclarations(_ text: String, _ expected: String) {
        let written = String(buffer: ByteBuffer(string: text).withoutContentDeclarations())
        #expect(written.replacing(#/[ ]+([ >\/])/#, with: { $0.output.1 }) == expected)
    }
}
