import NIOCore
import Testing

@testable import XML

struct StreamParserTests {
    static let header = """
        <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'>
        """

    /// A parser that has read `header`.
    private func opened(_ header: String = header, limits: XMLLimits = .init()) throws -> StreamParser {
        var parser = StreamParser(limits: limits)
        parser.feed(ByteBuffer(string: header))
        guard case .opened? = try parser.next() else { throw Unexpected() }
        return parser
    }

    @Test func aStreamFromStartToEnd() throws {
        var parser = StreamParser(limits: .init())
        parser.feed(
            ByteBuffer(
                string: "<?xml version='1.0'?>\n\(Self.header) <message to='b'><body>Hi &amp; bye</body></message>"))
        guard case .opened(let header)? = try parser.next() else { throw Unexpected() }
        #expect(header.isNamed("stream", "http://etherx.jabber.org/streams"))
        #expect(header.prefix == "stream")
        #expect(header["to"] == "a.example")
        #expect(header.firstChild == nil)
        #expect(String(buffer: header.bytes) == Self.header)
        let message = try #require(try parser.element())
        #expect(message.isNamed("message", .client))
        #expect(message.namespace == .client)
        #expect(message.child("body", .client)?.text == "Hi & bye")
        #expect(message.isSelfContained)
        #expect(try parser.isWaiting())
        parser.feed(ByteBuffer(string: "\n</stream:stream>\n"))
        guard case .closed? = try parser.next() else { throw Unexpected() }
        #expect(try parser.isWaiting())
        #expect(parser.unreadByteCount == 0)
        parser.feed(ByteBuffer(string: "<message/>"))
        #expect(throws: XMLError.self) { _ = try parser.next() }
    }

    @Test func anEmptyRootOpensAndCloses() throws {
        #expect(Transcript(stream: "<s/>").events == [.opened(Tree(name: "{}s")), .closed])
        #expect(Transcript(stream: "<s/>  ").error == nil)
        #expect(Transcript(stream: "<s/><a/>").error?.kind == .notWellFormed)
    }

    static let refused: [(String, XMLError.Kind)] = [
        ("<s>x", .notWellFormed), ("<s>&amp;", .notWellFormed), ("<s><![CDATA[]]>", .notWellFormed),
        ("<s><!--", .restrictedXML), ("<s><?", .restrictedXML), ("<s></t>", .notWellFormed),
        ("<s><a></s>", .notWellFormed),
        ("<s><a/>x", .notWellFormed), ("<s></s><s>", .notWellFormed), ("<p:s xmlns:p='u'></s>", .notWellFormed),
        ("<s><p:a/>", .badNamespacePrefix), ("x", .notWellFormed), ("\u{16}\u{3}\u{1}", .notWellFormed),
        ("GET / HTTP/1.1\r\n", .notWellFormed), ("<s><?xml version='1.0'?>", .restrictedXML),
        ("<s>\u{E9}", .notWellFormed),
    ]

    @Test(arguments: refused)
    func refuses(stream: String, kind: XMLError.Kind) {
        #expect(Transcript(stream: stream).error?.kind == kind)
    }

    @Test func declarationsOfTheStreamStayInForce() throws {
        var parser = try opened("<s:stream xmlns='urn:unknown-content' xmlns:s='urn:s' xmlns:p='urn:p'>")
        parser.feed(ByteBuffer(string: "<a/><s:b/><c><p:d/></c><e xmlns='' p:f='1'/><g xmlns:p='urn:p' p:h='2'/>"))
        let a = try #require(try parser.element())
        #expect(a.namespaceName == "urn:unknown-content")
        #expect(a.isSelfContained)
        let b = try #require(try parser.element())
        #expect(b.namespaceName == "urn:s")
        #expect(!b.isSelfContained)
        let c = try #require(try parser.element())
        #expect(c.firstChild?.namespaceName == "urn:p")
        #expect(!c.isSelfContained)
        let e = try #require(try parser.element())
        #expect(e.namespaceName == "")
        #expect(e.attribute("f", "urn:p") == "1")
        #expect(!e.isSelfContained)
        let g = try #require(try parser.element())
        #expect(g.attribute("h", "urn:p") == "2")
        #expect(g.isSelfContained)
    }

    @Test func elementsOutliveTheParser() throws {
        var elements: [Element] = []
        do {
            var parser = try opened("<s xmlns='urn:content:\u{E9}' xmlns:p='a&amp;b'>")
            for number in 0..<10 {
                parser.feed(ByteBuffer(string: "<p:a n='\(number)'>"))
                #expect(try parser.isWaiting())
                parser.feed(ByteBuffer(string: "<b/></p:a>"))
                elements.append(try #require(try parser.element()))
            }
        }
        for (number, element) in elements.enumerated() {
            #expect(element["n"] == String(number))
            #expect(element.namespaceName == "a&b")
            #expect(element.firstChild?.namespaceName == "urn:content:\u{E9}")
            #expect(Tree(element.detached()) == Tree(element))
        }
    }

    @Test func anErrorStays() throws {
        var parser = try opened()
        parser.feed(ByteBuffer(string: "<a></b><c/>"))
        let first = #expect(throws: XMLError.self) { _ = try parser.next() }
        parser.feed(ByteBuffer(string: "<d/>"))
        let second = #expect(throws: XMLError.self) { _ = try parser.next() }
        #expect(first == second)
        #expect(parser.unreadByteCount == 0)
    }

    @Test func resetBeginsANewStream() throws {
        var parser = try opened()
        parser.feed(ByteBuffer(string: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><smuggled/><uncomp"))
        _ = try #require(try parser.element())
        #expect(parser.unreadByteCount == 18)
        parser.reset()
        #expect(parser.unreadByteCount == 0)
        parser.feed(ByteBuffer(string: "<?xml version='1.0'?><s>"))
        guard case .opened(let header)? = try parser.next() else { throw Unexpected() }
        #expect(header.namespaceName == "")
        parser.feed(ByteBuffer(string: "<stream:a/>"))
        #expect(throws: XMLError.self) { _ = try parser.next() }
    }

    @Test func anIdleParserHoldsNoBuffer() throws {
        var parser = try opened()
        weak var buffer: AnyObject?
        do {
            // A custom allocation to watch: the storage of a buffer is a class instance inside of it.
            let bytes = ByteBuffer(string: " <a>some text</a> \n")
            buffer = bytes.storageObject
            parser.feed(bytes)
            let element = try #require(try parser.element())
            #expect(element.text == "some text")
            #expect(try parser.isWaiting())
        }
        #expect(buffer == nil)
        #expect(parser.unreadByteCount == 0)
    }

    @Test func limitsMayGrowAfterSignIn() throws {
        var parser = try opened(limits: XMLLimits(stanzaBytes: 120))
        let stanza = ByteBuffer(string: "<a>\(String(repeating: "x", count: 200))</a>")
        parser.limits.stanzaBytes = 1_000
        parser.feed(stanza)
        #expect(try parser.element()?.byteCount == 207)
        parser.limits.stanzaBytes = 100
        parser.feed(stanza)
        let error = #expect(throws: XMLError.self) { _ = try parser.next() }
        #expect(error?.kind == .tooLarge)
    }

    @Test func elementsMayBeSentToOtherThreads() async throws {
        var parser = try opened()
        parser.feed(ByteBuffer(string: (0..<100).map { "<a n='\($0)'/>" }.joined()))
        var elements: [Element] = []
        while let element = try parser.element() { elements.append(element) }
        let sum = await withTaskGroup(of: Int.self) { [elements] group in
            for element in elements { group.addTask { element["n"].flatMap { Int($0) } ?? -1 } }
            return await group.reduce(0, +)
        }
        #expect(sum == 4_950)
    }
}

struct Unexpected: Error {}

extension StreamParser {
    /// The next event if that is an element.
    mutating func element() throws -> Element? {
        if case .element(let element)? = try next() { element } else { nil }
    }

    /// Whether there is no event.
    mutating func isWaiting() throws -> Bool {
        if case .none = try next() { true } else { false }
    }
}

extension ByteBuffer {
    /// The reference inside, for tests that want to know when it goes.
    var storageObject: AnyObject? {
        Mirror(reflecting: self).children.first { $0.label == "_storage" }.map { $0.value as AnyObject }
    }
}
