import NIOCore
import Testing

@testable import XML

/// What is written of something received is not much larger than that, and means the same.
struct OutputBoundTests {
    private static let long = String(repeating: "n", count: 900)
    private static let quotes = String(repeating: "\"", count: 500) + String(repeating: "&#39;", count: 100)
    private static let references = String(repeating: "&amp;", count: 200)
    private static let many = 500

    static let worst: [(header: String, stanza: String)] = {
        var cases: [(String, String)] = []
        let prefixed = String(repeating: "<a:x/>", count: many)
        let attributes = String(repeating: "<x a:b='' a:c='1'/>", count: many)
        let plain = String(repeating: "<x/>", count: many)
        for name in [long, quotes, references] {
            let declaration = "xmlns:a='\(name)'"
            for content in [prefixed, attributes] {
                cases.append((declaration, "<message>\(content)</message>"))
                cases.append((declaration, "<message><w>\(content)</w></message>"))
                cases.append(("", "<message \(declaration)><w>\(content)</w></message>"))
                cases.append(
                    ("", "<c:message xmlns:c='jabber:client' \(declaration)><c:w>\(content)</c:w></c:message>"))
            }
            // What was the default namespace is not that of an unprefixed stanza.
            cases.append(("", "<c:message xmlns:c='jabber:client' xmlns='\(name)'><w>\(plain)</w></c:message>"))
            cases.append(("xmlns:c='jabber:client'", "<c:message xmlns='\(name)'><c:w>\(plain)</c:w></c:message>"))
            cases.append(("", "<message><w xmlns='\(name)'>\(plain)</w></message>"))
        }
        cases.append(("", "<c:message xmlns:c='jabber:client' xmlns=''>\(plain)</c:message>"))
        let own = String(repeating: "<b xmlns=''><c:d/></b>", count: many)
        cases.append(("", "<c:message xmlns:c='jabber:client'>\(own)</c:message>"))
        return cases
    }()

    @Test(arguments: worst)
    func isBoundedByInput(header: String, stanza: String) throws {
        let element = try Self.received(stanza, header: header)
        let bound = stanza.utf8.count * 4 + header.utf8.count + 500
        for (what, written, tree, content) in try Self.everyWay(element) {
            #expect(written.readableBytes <= bound, "\(what): \(written.readableBytes) of \(stanza.utf8.count)")
            let again = try Element(ownOutput: written, contentNamespace: content)
            #expect(Tree(again) == tree, "\(what)")
        }
    }

    /// The same of anything at all, and expat reads the same.
    @Test func whateverIsReceived() throws {
        for stream in SplitTests.streams(2_000..<2_100) {
            var parser = StreamParser(limits: .init())
            parser.feed(ByteBuffer(bytes: stream))
            guard case .opened? = try parser.next() else { throw Unexpected() }
            while let element = try parser.element() {
                for element in [element] + element.children {
                    for (what, written, tree, content) in try Self.everyWay(element) {
                        let text = String(buffer: written)
                        #expect(written.readableBytes <= stream.count * 4 + 200, "\(what): \(text)")
                        #expect(
                            Tree(try Element(ownOutput: written, contentNamespace: content)) == tree, "\(what): \(text)"
                        )
                        if content == .none { #expect(Expat.tree(Array(text.utf8)) == tree, "\(what): \(text)") }
                    }
                }
            }
        }
    }

    /// A prefix that is declared again inside, or used where another default namespace is in force, keeps its meaning.
    @Test(arguments: [
        ("xmlns:a='u'", "<message><a:x xmlns:a='v'><a:y/></a:x><a:z/></message>", "xmlns:a=\"u\""),
        ("xmlns:a='u'", "<message><x xmlns:a='v'><a:y/></x><a:z/></message>", "xmlns:a=\"u\""),
        ("xmlns:a='u' xmlns:b='u'", "<message><b:x><a:y b:c='1'/></b:x></message>", "xmlns:b=\"u\" xmlns:a=\"u\""),
        ("xmlns:a='u'", "<message><x xml:lang='en'><a:y xml:lang='de'/></x></message>", "xmlns:a=\"u\""),
        ("", "<message xmlns:a='u'><x><a:y/></x></message>", ""),
    ])
    func declaredOnceWhereNeeded(header: String, stanza: String, declared: String) throws {
        let element = try Self.received(stanza, header: header)
        var writer = XMLWriter()
        writer.copy(element)
        let name = "<message"
        let expected = name + (declared.isEmpty ? "" : " \(declared)") + stanza.dropFirst(name.count)
        #expect(String(buffer: writer.finish()) == expected)
        // Its children by themselves.
        for child in element.children {
            var writer = XMLWriter(contentNamespace: .none)
            writer.copy(child)
            #expect(Tree(try Element(ownOutput: writer.finish())) == Tree(child))
        }
    }

    @Test(arguments: [
        ("<message><a/>1<b/>2<a/></message>", "<message to=\"t\">1<b/>2<n /></message>"),
        ("<message><a/></message >", "<message to=\"t\"><n /></message>"),
        ("<message/>", "<message to=\"t\"><n /></message>"),
        (
            "<c:message xmlns:c='jabber:client'><c:a/>1<c:b/><a xmlns='u'/></c:message>",
            "<message to=\"t\">1<b /><n /></message>"
        ),
    ])
    func withoutSomeAndWithMore(received: String, expected: String) throws {
        let element = try Element(parsing: received, contentNamespace: .client)
        var writer = XMLWriter()
        writer.stanza(
            element, from: nil, to: "t", leavingOut: { $0.hasName("a") }, appending: ByteBuffer(string: "<n />"))
        #expect(String(buffer: writer.finish()) == expected)
    }

    @Test func whatIsDetachedIsAsLargeAsItself() throws {
        let stanza =
            "<message xmlns:a='u&amp;v'>\(String(repeating: "<x/>", count: 10_000))<y><a:z a:b='1'>t</a:z></y></message>"
        let element = try Self.received(stanza, header: "xmlns:p='urn:p'")
        let child = try #require(element.child("y", .client))
        let detached = child.detached()
        #expect(Tree(detached) == Tree(child))
        #expect(detached.document.bytes.capacity < 100 && detached.document.nodes.count == 4)
        var writer = XMLWriter(contentNamespace: .none)
        writer.copy(detached)
        #expect(
            String(buffer: writer.finish())
                == "<y xmlns=\"jabber:client\" xmlns:a=\"u&amp;v\"><a:z a:b='1'>t</a:z></y>")
    }

    /// All ways in which something received is written, with what must be read again.
    private static func everyWay(_ element: Element) throws -> [(String, ByteBuffer, Tree, Namespace)] {
        let tree = Tree(element)
        var addressed = tree
        addressed.attributes["{}from"] = "f"
        addressed.attributes["{}to"] = nil
        var ways: [(String, ByteBuffer, Tree, Namespace)] = []
        for content in [Namespace.client, .none, "urn:x"] {
            func write(_ what: String, _ tree: Tree, _ body: (inout XMLWriter) -> Void) {
                var writer = XMLWriter(contentNamespace: content)
                body(&writer)
                ways.append(("\(what) in '\(content)'", writer.finish(), tree, content))
            }
            write("copy", tree) { $0.copy(element) }
            write("copy without some", tree) { $0.copy(element, leavingOut: { _ in false }) }
            write("stanza", tree) { $0.stanza(element) }
            write("passed on", addressed) { $0.stanza(element, from: "f", to: nil) }
            let emptied = Tree(name: tree.name, attributes: tree.attributes, content: [])
            if tree.content.allSatisfy({ if case .element = $0 { true } else { false } }) {
                write("emptied", emptied) { $0.stanza(element, leavingOut: { _ in true }) }
            }
        }
        return ways
    }

    private static func received(_ stanza: String, header: String) throws -> Element {
        var parser = StreamParser(limits: .init())
        parser.feed(ByteBuffer(string: "<s xmlns='jabber:client' \(header)>\(stanza)"))
        guard case .opened? = try parser.next(), let element = try parser.element() else { throw Unexpected() }
        return element
    }
}
