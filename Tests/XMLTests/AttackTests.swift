import NIOCore
import Testing

@testable import XML

/// Attacks on XML parsers that are known of XMPP servers and of libexpat.
struct AttackTests {
    static let attacks: [(what: String, stream: String, kind: XMLError.Kind)] = [
        (
            "billion laughs",
            """
            <?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;">]>\
            <stream:stream>&lol1;
            """, .restrictedXML
        ),
        ("external entity", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", .restrictedXML),
        ("external subset", "<!DOCTYPE a SYSTEM 'http://a.example/a.dtd'><a/>", .restrictedXML),
        ("entity in an attribute", "<s><a b='&lol;'/>", .restrictedXML),
        ("entity in text", "<s><a>&lol;</a>", .restrictedXML),
        ("document type in a stanza", "<s><a><!DOCTYPE a>", .restrictedXML),
        ("conditional section", "<s><a><![INCLUDE[", .restrictedXML),
        ("comment that never ends", "<s><!--" + String(repeating: "-", count: 100_000), .restrictedXML),
        ("instruction that never ends", "<s><?" + String(repeating: "x", count: 100_000), .restrictedXML),
        ("declaration that never ends", "<?xml " + String(repeating: " ", count: 100_000), .notWellFormed),
        ("nesting", "<s>" + String(repeating: "<a>", count: 100_000), .limitExceeded(.depth)),
        (
            "attributes", "<s><a " + (0..<100_000).map { "a\($0)=''" }.joined(separator: " "),
            .limitExceeded(.attributes)
        ),
        (
            "attributes of the stream", "<s " + (0..<100_000).map { "a\($0)=''" }.joined(separator: " "),
            .limitExceeded(.attributes)
        ),
        (
            "namespaces", "<s><a " + (0..<100_000).map { "xmlns:a\($0)='u'" }.joined(separator: " "),
            .limitExceeded(.namespaces)
        ),
        (
            "namespaces on nested elements", "<s>" + (0..<100_000).map { "<a xmlns:a\($0)='u' xmlns='v'>" }.joined(),
            .limitExceeded(.namespaces)
        ),
        (
            "a long namespace", "<s><a xmlns='" + String(repeating: "n", count: 1_025) + "'/>",
            .limitExceeded(.namespaces)
        ),
        (
            "a long namespace with references",
            "<s><a xmlns:p='" + String(repeating: "&amp;", count: 1_025) + "'/>", .limitExceeded(.namespaces)
        ),
        (
            "long namespaces of the stream",
            "<s " + (0..<4).map { "xmlns:p\($0)='\(String(repeating: "n", count: 900))'" }.joined(separator: " ") + ">",
            .limitExceeded(.namespaces)
        ),
        ("many colons in a name", "<s><a" + String(repeating: ":a", count: 100_000), .notWellFormed),
        ("colons alone", "<s><" + String(repeating: ":", count: 100_000), .notWellFormed),
        ("a long name", "<s><" + String(repeating: "a", count: 100_000), .limitExceeded(.names)),
        ("a long end tag", "<s><a></" + String(repeating: "a", count: 100_000), .limitExceeded(.names)),
        ("a long attribute name", "<s><a " + String(repeating: "a", count: 100_000), .limitExceeded(.names)),
        ("text without end", "<s><a>" + String(repeating: "x", count: 300_000), .tooLarge),
        ("CDATA without end", "<s><a><![CDATA[" + String(repeating: "x", count: 300_000), .tooLarge),
        ("a value without end", "<s><a b='" + String(repeating: "x", count: 300_000), .tooLarge),
        ("a tag without end", "<s><a " + String(repeating: " ", count: 300_000), .tooLarge),
        ("a stream header without end", "<s a='" + String(repeating: "x", count: 300_000), .tooLarge),
        ("a reference without end", "<s><a>&#" + String(repeating: "0", count: 300_000), .notWellFormed),
        ("an entity without end", "<s><a>&" + String(repeating: "a", count: 300_000), .notWellFormed),
        ("NUL", "<s><a>\u{0}</a>", .notWellFormed),
        ("NUL between stanzas", "<s>\u{0}", .notWellFormed),
        ("NUL in a name", "<s><a\u{0}b/>", .notWellFormed),
        ("NUL by reference", "<s><a b='&#0;'/>", .notWellFormed),
        ("the separator of a parser in a name", "<s><a\u{C}b/>", .notWellFormed),
        ("a prefix that is not declared", "<s><a><stream:error/></a>", .badNamespacePrefix),
        ("a stanza in another one's CDATA end", "<s><a>]]><b/></a>", .notWellFormed),
    ]

    @Test(arguments: attacks)
    func isRefused(what: String, stream: String, kind: XMLError.Kind) {
        let bytes = Array(stream.utf8)
        let whole = Transcript(stream: [bytes])
        #expect(whole.error?.kind == kind)
        #expect(whole.steps < bytes.count * 8 + 1_000)
        let bytewise = Transcript(stream: bytes.pieces(of: bytes.count > 1_000 ? 61 : 1))
        #expect(bytewise == whole)
    }

    /// The first byte that shows what is coming ends the stream.
    @Test(arguments: [
        "<!-", "<!D", "<s><!-", "<s><a><!-", "<s><a><![x", "<?x ", "<?p", "<s><?", "<s><a><?", "<s><a>&x;",
    ])
    func endsAtTheFirstByte(stream: String) {
        let bytes = Array(stream.utf8)
        #expect(Transcript(stream: [bytes]).error?.kind == .restrictedXML)
        #expect(Transcript(stream: [Array(bytes.dropLast())]).error == nil)
    }

    @Test func limitsAreExact() {
        let limits = XMLLimits(stanzaBytes: 40, depth: 2, attributes: 2, namespaces: 2, nameBytes: 7)
        let accepted = [
            "<s><a>\(String(repeating: "x", count: 33))</a>", "<s><a><b/></a>", "<s><a b='' c=''/>", "<s><abcdefg/>",
            "<s xmlns='u'><a xmlns:p='v'/>", "<s><a xmlns:p='v' xmlns='w' b='' c=''/>",
            "<s><a xmlns='u'/><a xmlns='v'/>",
            "<s a='\(String(repeating: "x", count: 31))'>" + "<a/>",
        ]
        let name = String(repeating: "&amp;", count: 1_024)
        for stream in ["<s><a xmlns='\(name)'/>", "<s xmlns:p='\(name.prefix(3_000))'><p:a/>"] {
            #expect(Transcript(stream: stream).error == nil)
        }
        for stream in accepted {
            #expect(Transcript(stream: stream, limits: limits).error == nil, "\(stream)")
        }
        let refused: [(String, XMLError.Kind)] = [
            ("<s><a>\(String(repeating: "x", count: 34))</a>", .tooLarge),
            ("<s><a><b><c/></b></a>", .limitExceeded(.depth)),
            ("<s><a b='' c='' d=''/>", .limitExceeded(.attributes)), ("<s><abcdefgh/>", .limitExceeded(.names)),
            ("<s xmlns='u' xmlns:q='v'><a xmlns:p='v'/>", .limitExceeded(.namespaces)),
            ("<s><a xmlns='u'><b xmlns='v'/></a>", .limitExceeded(.namespaces)),
            ("<s a='\(String(repeating: "x", count: 33))'>", .tooLarge),
        ]
        for (stream, kind) in refused {
            let limits = stream.contains("<b xmlns") ? XMLLimits(namespaces: 1) : limits
            #expect(Transcript(stream: stream, limits: limits).error?.kind == kind, "\(stream)")
        }
    }

    @Test func namespacesOfOneStanzaAreBounded() {
        let stream = "<s><a>" + (0..<20_000).map { "<b xmlns='\($0)'/>" }.joined()
        let error = Transcript(stream: stream, limits: XMLLimits(stanzaBytes: 1_000_000)).error
        #expect(error?.kind == .limitExceeded(.namespaces))
    }

    @Test func limitsOutOfRangeAreBounded() {
        for value in [Int.min, -1, 0, Int.max] {
            let limits = XMLLimits(
                stanzaBytes: value, depth: value, attributes: value, namespaces: value, nameBytes: value)
            _ = Transcript(stream: "<s xmlns='u' a='1'><a xmlns:b='c' d='e'>text<b/></a></s>", limits: limits)
        }
    }
}
