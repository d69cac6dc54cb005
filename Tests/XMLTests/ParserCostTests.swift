import Testing

@testable import XML

/// What is dripped byte by byte costs as much as what comes in one piece, but for a constant factor.
struct ParserCostTests {
    static let size = 100_000
    /// Enough for what takes longer to compare.
    static let few = 20_000

    static let stanzas: [(what: String, stanza: String)] = [
        ("text", "<a>\(String(repeating: "x", count: size))</a>"),
        ("text outside ASCII", "<a>\(String(repeating: "\u{20AC}", count: size / 3))</a>"),
        ("text full of markup characters", "<a>\(String(repeating: "]]]] > \n", count: size / 8))</a>"),
        ("references", "<a>\(String(repeating: "&#x10FFFF;", count: size / 10))</a>"),
        ("references in an attribute", "<a b='\(String(repeating: "&amp;", count: size / 5))'/>"),
        ("an attribute", "<a b='\(String(repeating: "x", count: size))'/>"),
        ("CDATA", "<a><![CDATA[\(String(repeating: "]]x>", count: size / 4))]]></a>"),
        ("CDATA full of brackets", "<a><![CDATA[\(String(repeating: "]", count: size))]]></a>"),
        ("empty CDATA sections", "<a>\(String(repeating: "<![CDATA[]]>", count: size / 12))</a>"),
        ("white space in a tag", "<a\(String(repeating: " ", count: size))/>"),
        ("white space in an end tag", "<a></a\(String(repeating: "\n", count: size))>"),
        ("many elements", "<a>\(String(repeating: "<b/>", count: few / 4))</a>"),
        ("many elements with attributes", "<a>\(String(repeating: "<b c='1' d='2' e='3'/>", count: few / 22))</a>"),
        (
            "elements with as many attributes as allowed",
            "<a>\(String(repeating: "<b \((0..<128).map { "a\($0)='' " }.joined())/>", count: few / 1_000))</a>"
        ),
        (
            "elements with as many declarations as allowed",
            "<a>\(String(repeating: "<b \((0..<60).map { "xmlns:a\($0)='\($0)' " }.joined())/>", count: 16))</a>"
        ),
        (
            "namespaces with references",
            "<a>\(String(repeating: "<b xmlns:c='&amp;\(String(repeating: "n", count: 900))'/>", count: 20))</a>"
        ),
        (
            "a namespace with references, declared again at each depth",
            "\(String(repeating: "<a xmlns:b='&amp;\(String(repeating: "n", count: 900))'>", count: 20))"
                + String(repeating: "</a>", count: 20)
        ),
        ("long names", "<a>\(String(repeating: "<\(String(repeating: "n", count: 1_000))/>", count: few / 1_000))</a>"),
    ]

    @Test(arguments: stanzas)
    func dripping(what: String, stanza: String) {
        let bytes = Array("<s>\(stanza)</s>".utf8)
        let whole = Transcript(stream: [bytes])
        #expect(whole.error == nil)
        #expect(whole.events.count == 3)
        // Comparisons are bounded by the limits on attributes and declarations: 64 for each of them.
        #expect(whole.steps < bytes.count * 16)
        let bytewise = Transcript(stream: bytes.pieces(of: 1))
        #expect(bytewise == whole)
        #expect(bytewise.steps < whole.steps + bytes.count * 16)
    }

    /// What the stream's start tag declares is compared with what stanzas declare, each time by a number alone.
    @Test func declarationsOfTheStream() {
        let declared = (0..<40).map { "xmlns:p\($0)='&amp;\($0)\(String(repeating: "n", count: 40))'" }.joined(
            separator: " ")
        let stanza = "<a>\(String(repeating: "<b xmlns='z&amp;'/>", count: 1_000))<p0:c/></a>"
        let bytes = Array("<s \(declared)>\(stanza)</s>".utf8)
        let whole = Transcript(stream: [bytes])
        #expect(whole.error == nil && whole.events.count == 3)
        #expect(whole.steps > 1_000 * 40 && whole.steps < bytes.count * 8)
        let twice = Transcript(stream: [Array("<s \(declared)>\(stanza)\(stanza)</s>".utf8)])
        #expect(twice.steps < whole.steps * 2)
    }

    @Test func whiteSpaceBetweenStanzas() {
        let bytes = Array("<s>\(String(repeating: " \n", count: Self.size))<a/></s>".utf8)
        let whole = Transcript(stream: [bytes])
        #expect(whole.steps < bytes.count * 2)
        let bytewise = Transcript(stream: bytes.pieces(of: 1))
        #expect(bytewise == whole)
        #expect(bytewise.steps < bytes.count * 4)
    }

    @Test func manyStanzasInOnePiece() {
        let bytes = Array("<s>\(String(repeating: "<a b='c'>d</a>\n", count: 10_000))".utf8)
        let whole = Transcript(stream: [bytes])
        #expect(whole.events.count == 10_001)
        #expect(whole.steps < bytes.count * 2)
    }
}
