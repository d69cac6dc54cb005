import NIOCore
import Testing

@testable import XML

/// Tables of documents with what the parser must make of them.
struct WellFormednessTests {
    static let accepted: [(document: String, tree: Tree)] = [
        ("<a/>", Tree(name: "{}a")),
        ("<a />", Tree(name: "{}a")),
        ("<a></a>", Tree(name: "{}a")),
        ("<a\n></a\t>\n", Tree(name: "{}a")),
        (" \n<a/>", Tree(name: "{}a")),
        ("<?xml version='1.0'?><a/>", Tree(name: "{}a")),
        ("<?xml version=\"1.1\" encoding = 'Utf-8' standalone='no' ?>\r\n<a/>", Tree(name: "{}a")),
        ("<a b='1' c=\"2\"/>", Tree(name: "{}a", attributes: ["{}b": "1", "{}c": "2"])),
        ("<a\tb\n=\r'1'/>", Tree(name: "{}a", attributes: ["{}b": "1"])),
        ("<a b='\"' c=\"'\" d='>'/>", Tree(name: "{}a", attributes: ["{}b": "\"", "{}c": "'", "{}d": ">"])),
        ("<a b='x\ny\tz\r\nw\rv'/>", Tree(name: "{}a", attributes: ["{}b": "x y z w v"])),
        ("<a b='&#10;&#9;&#13;&#x20;'/>", Tree(name: "{}a", attributes: ["{}b": "\n\t\r "])),
        ("<a>x\r\ny\rz\n\rw</a>", Tree(name: "{}a", content: [.text("x\ny\nz\n\nw")])),
        ("<a><![CDATA[x\r\n&amp;<]]]]></a>", Tree(name: "{}a", content: [.text("x\n&amp;<]]")])),
        ("<a>1<![CDATA[2]]>3<![CDATA[]]></a>", Tree(name: "{}a", content: [.text("123")])),
        ("<a>]]&gt;</a>", Tree(name: "{}a", content: [.text("]]>")])),
        ("<a>&#93;]></a>", Tree(name: "{}a", content: [.text("]]>")])),
        ("<a>]<![CDATA[]]]>></a>", Tree(name: "{}a", content: [.text("]]>")])),
        ("<a>&lt;&gt;&amp;&quot;&apos;</a>", Tree(name: "{}a", content: [.text("<>&\"'")])),
        ("<a>&#x00000000000041;&#000000000066;</a>", Tree(name: "{}a", content: [.text("AB")])),
        (
            "<a>&#x10FFFF;&#x1f600;&#xD7FF;&#xE000;</a>",
            Tree(name: "{}a", content: [.text("\u{10FFFF}\u{1F600}\u{D7FF}\u{E000}")])
        ),
        (
            "<a>\u{7F}\u{85}\u{2028}\u{FFFD}\u{10000}</a>",
            Tree(name: "{}a", content: [.text("\u{7F}\u{85}\u{2028}\u{FFFD}\u{10000}")])
        ),
        ("<\u{E9}\u{B7} \u{4E2D}='1'/>", Tree(name: "{}\u{E9}\u{B7}", attributes: ["{}\u{4E2D}": "1"])),
        ("<_.-1/>", Tree(name: "{}_.-1")),
        ("<a xmlns='u'><b/></a>", Tree(name: "{u}a", content: [.element(Tree(name: "{u}b"))])),
        ("<a xmlns='u'><b xmlns=''/></a>", Tree(name: "{u}a", content: [.element(Tree(name: "{}b"))])),
        ("<p:a xmlns:p='u' b='1' p:b='2'/>", Tree(name: "{u}a", attributes: ["{}b": "1", "{u}b": "2"])),
        ("<p:a p:b='2' xmlns:p='u'/>", Tree(name: "{u}a", attributes: ["{u}b": "2"])),
        (
            "<a xmlns:p='u'><p:b xmlns:p='v'/><p:c/></a>",
            Tree(name: "{}a", content: [.element(Tree(name: "{v}b")), .element(Tree(name: "{u}c"))])
        ),
        (
            "<a xmlns='u'><b xmlns='v'><c/></b><d/></a>",
            Tree(
                name: "{u}a",
                content: [
                    .element(Tree(name: "{v}b", content: [.element(Tree(name: "{v}c"))])), .element(Tree(name: "{u}d")),
                ])
        ),
        (
            "<a xml:lang='en' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
            Tree(name: "{}a", attributes: ["{http://www.w3.org/XML/1998/namespace}lang": "en"])
        ),
        ("<xml:a/>", Tree(name: "{http://www.w3.org/XML/1998/namespace}a")),
        ("<a xmlns='x&amp;&#121;'/>", Tree(name: "{x&y}a")),
        ("<p:a xmlns:p='u' xmlns:q='u'></p:a>", Tree(name: "{u}a")),
    ]

    @Test(arguments: accepted)
    func accepts(document: String, tree: Tree) throws {
        #expect(Tree(try Element(parsing: document)) == tree)
        #expect(Expat.tree(Array(document.utf8)) == tree)
    }

    static let incomplete = [
        "", " ", "<", "<a", "<a ", "<a b", "<a b=", "<a b='", "<a b='1", "<a b='1'", "<a/", "<a>", "<a>x", "<a>&",
        "<a>&am",
        "<a>&#x4", "<a><", "<a></", "<a></a", "<a></a ", "<a><!", "<a><![CDATA", "<a><![CDATA[", "<a><![CDATA[x]",
        "<a>]]",
        "<a><b></b>", "<?", "<?xm", "<?xml", "<?xml version='1.0'", "<?xml version='1.0'?", "<?xml version='1.0'?>",
        "<!", "<a><![",
    ]

    @Test(arguments: incomplete)
    func wantsMore(document: String) {
        let error = #expect(throws: XMLError.self) { try Element(parsing: document) }
        #expect(error?.reason == "Unexpected end of file")
        if !document.hasPrefix("<?") { #expect(Transcript(stream: "<s>\(document)").error == nil) }
    }

    static let refused: [(document: String, kind: XMLError.Kind)] = [
        // Restricted by XMPP
        ("<!-", .restrictedXML), ("<!DOCTYPE a><a/>", .restrictedXML), ("<a><!-", .restrictedXML),
        ("<a><!D", .restrictedXML), ("<a><![I", .restrictedXML), ("<a><?", .restrictedXML),
        ("<?x ", .restrictedXML), ("<?xml-stylesheet?><a/>", .restrictedXML),
        (" <?xml version='1.0'?><a/>", .restrictedXML),
        ("<a>&nbsp;</a>", .restrictedXML), ("<a b='&x;'/>", .restrictedXML),
        ("<?XML version='1.0'?><a/>", .restrictedXML),
        // Declaration
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", .unsupportedEncoding),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a/>", .unsupportedEncoding),
        ("<?xml version='1.0' encoding='UTF\r8'?><a/>", .unsupportedEncoding),
        ("<?xml version='2.0'?><a/>", .notWellFormed), ("<?xml encoding='UTF-8'?><a/>", .notWellFormed),
        ("<?xml version='1.0'encoding='UTF-8'?><a/>", .notWellFormed), ("<?xml ?><a/>", .notWellFormed),
        ("<?xml version='1.0' standalone='maybe'?><a/>", .notWellFormed),
        ("<?xml version='1.0' x='y'?><a/>", .notWellFormed), ("<?xml version='1.0?><a/>", .notWellFormed),
        // Tags
        ("< a/>", .notWellFormed), ("<1/>", .notWellFormed), ("<-a/>", .notWellFormed), ("<.a/>", .notWellFormed),
        ("<a></b>", .notWellFormed), ("<a></aa>", .notWellFormed), ("<a></ a>", .notWellFormed),
        ("<a></>", .notWellFormed),
        ("</a>", .notWellFormed), ("<a/ >", .notWellFormed), ("<a//>", .notWellFormed), ("<a<b/>", .notWellFormed),
        ("<a></a b='1'>", .notWellFormed), ("<>", .notWellFormed), ("<a!/>", .notWellFormed),
        ("<a/><b/>", .notWellFormed), ("<a/>x", .notWellFormed), ("<a/><?pi?>", .notWellFormed),
        ("<a/><!---->", .notWellFormed), ("x<a/>", .notWellFormed), ("\u{FEFF}<a/>", .notWellFormed),
        ("<![CDATA[x]]><a/>", .notWellFormed), ("<\u{D7}/>", .notWellFormed), ("<\u{B7}/>", .notWellFormed),
        ("<a\u{37E}/>", .notWellFormed), ("<a\u{2003}b='1'/>", .notWellFormed),
        // Attributes
        ("<a b/>", .notWellFormed), ("<a b=1/>", .notWellFormed), ("<a b='1'c='2'/>", .notWellFormed),
        ("<a b='<'/>", .notWellFormed), ("<a b='1\" c='2'/>", .notWellFormed), ("<a 1='2'/>", .notWellFormed),
        ("<a b='1' b='2'/>", .notWellFormed), ("<a ='1'/>", .notWellFormed), ("<a b=='1'/>", .notWellFormed),
        ("<a b='1' c='2' d='3' b='4'/>", .notWellFormed),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", .notWellFormed),
        ("<a xmlns:p='u&amp;' xmlns:q='u&#38;' p:b='1' q:b='2'/>", .notWellFormed),
        ("<a xmlns:p='u' xmlns:p='v'/>", .notWellFormed), ("<a xmlns='u' xmlns='u'/>", .notWellFormed),
        // Text
        ("<a>]]></a>", .notWellFormed), ("<a>x]]]></a>", .notWellFormed), ("<a>&</a>", .notWellFormed),
        ("<a>& </a>", .notWellFormed), ("<a>&;</a>", .notWellFormed), ("<a>&#;</a>", .notWellFormed),
        ("<a>&#x;</a>", .notWellFormed), ("<a>&#a;</a>", .notWellFormed), ("<a>&#X41;</a>", .notWellFormed),
        ("<a>&#0;</a>", .notWellFormed), ("<a>&#x1F;</a>", .notWellFormed), ("<a>&#xD800;</a>", .notWellFormed),
        ("<a>&#xDFFF;</a>", .notWellFormed), ("<a>&#xFFFE;</a>", .notWellFormed), ("<a>&#x110000;</a>", .notWellFormed),
        ("<a>&#99999999999999999999;</a>", .notWellFormed), ("<a>&#x0000000000000000000000000041;</a>", .notWellFormed),
        ("<a>&-;</a>", .notWellFormed), ("<a>&1;</a>", .notWellFormed), ("<a>&<b/></a>", .notWellFormed),
        ("<a>\u{0}</a>", .notWellFormed), ("<a>\u{1}</a>", .notWellFormed), ("<a b='\u{1F}'/>", .notWellFormed),
        ("<a>\u{FFFE}</a>", .notWellFormed), ("<a><![CDATA[\u{FFFF}]]></a>", .notWellFormed),
        ("<a><![CDATA[\u{B}]]></a>", .notWellFormed),
        // Namespaces
        ("<p:a/>", .badNamespacePrefix), ("<a p:b='1'/>", .badNamespacePrefix),
        ("<a><b xmlns:p='u'/><p:c/></a>", .badNamespacePrefix), ("<a xmlns:p='u' P:b='1'/>", .badNamespacePrefix),
        ("<xmlns:a/>", .badNamespacePrefix), ("<a xmlns:p=''/>", .notWellFormed),
        ("<a xmlns:xml='u'/>", .notWellFormed),
        ("<a xmlns:xmlns='u'/>", .notWellFormed),
        ("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", .notWellFormed),
        ("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", .notWellFormed),
        ("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", .notWellFormed),
        ("<a xmlns='http://www.w3.org/2000/xmlns/'/>", .notWellFormed), ("<:a/>", .notWellFormed),
        ("<a:/>", .notWellFormed),
        ("<a:b:c xmlns:a='u'/>", .notWellFormed), ("<a:1 xmlns:a='u'/>", .notWellFormed),
        ("<a :b='1'/>", .notWellFormed),
        ("<a b:='1'/>", .notWellFormed), ("<a xmlns:='u'/>", .notWellFormed), ("<::/>", .notWellFormed),
    ]

    @Test(arguments: refused)
    func refuses(document: String, kind: XMLError.Kind) {
        let error = #expect(throws: XMLError.self) { try Element(parsing: document) }
        #expect(error?.kind == kind)
        #expect(error?.reason != "Unexpected end of file")
        let bytewise = Transcript(stream: Array("<s>\(document)".utf8).pieces(of: 1))
        #expect(bytewise == Transcript(stream: "<s>\(document)"))
    }

    static let invalidUTF8: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3, 0x28], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF],
        [0xE2, 0x28, 0xA1], [0xE2, 0x82, 0x28], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0xAF],
        [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x28, 0x8C, 0xBC], [0xF0, 0x90, 0x28, 0xBC], [0xF0, 0x9F, 0x98, 0x28],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
    ]

    @Test(arguments: invalidUTF8)
    func refusesInvalidUTF8(bytes: [UInt8]) {
        for (before, after) in [
            ("<a>", "</a>"), ("<a b='", "'/>"), ("<a><![CDATA[", "]]></a>"), ("<a", "/>"), ("<a ", "='1'/>"),
        ] {
            let document = Array(before.utf8) + bytes + Array(after.utf8) + Array("<padding/>".utf8)
            let error = #expect(throws: XMLError.self) { try Element(parsing: ByteBuffer(bytes: document)) }
            #expect(error?.kind == .unsupportedEncoding)
            #expect(error?.position == before.utf8.count + 1)
        }
    }

    @Test func placesAreThoseOfAReader() {
        let cases: [(String, line: Int, position: Int)] = [
            ("<a></b>", 1, 6),
            ("<s>\n<a/>\n <b/>x", 3, 6),
            ("<s>\r\n<a>\r</a>\r\n\n\u{E9}", 5, 1),
            ("<s><a>\u{E9}\u{20AC}\u{1F600}</a>&", 1, 14),
            ("<s t='1\n2'><a>\n\n</a><b c='\r'/><d/></x>", 5, 10),
            ("<?xml version='1.0'?>\n\n<s>y", 3, 4),
        ]
        for (stream, line, position) in cases {
            let error = Transcript(stream: stream).error
            #expect(error?.line == line, "\(stream.debugDescription)")
            #expect(error?.position == position, "\(stream.debugDescription)")
        }
    }
}
