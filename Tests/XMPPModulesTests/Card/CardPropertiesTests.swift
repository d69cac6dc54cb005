import NIOCore
import Testing
import XMPPServer

@testable import XMPPModules

/// Properties of cards, in the two forms.
@Suite struct CardPropertiesTests {
    private func old(_ content: String) throws -> Element {
        try Element(ownOutput: Array("<vCard xmlns=\"vcard-temp\">\(content)</vCard>".utf8))
    }

    private func new(_ content: String) throws -> Element {
        try Element(
            ownOutput: Array("<vcard xmlns=\"urn:ietf:params:xml:ns:vcard-4.0\">\(content)</vcard>".utf8))
    }

    private func written(_ body: (inout XMLWriter) -> Void) throws -> Element {
        var writer = XMLWriter(contentNamespace: .none)
        body(&writer)
        return try Element(ownOutput: Array(writer.finish().readableBytesView))
    }

    @Test func bothFormsSayTheSame() throws {
        let card = try old(
            """
            <FN>Romeo</FN><N><FAMILY>M</FAMILY></N><TEL><HOME/><CELL/><NUMBER>1</NUMBER></TEL><TEL><NUMBER>2</NUMBER></TEL>
            <EMAIL><INTERNET/><PREF/><USERID>r@x</USERID></EMAIL><GEO><LAT>1</LAT><LON>2</LON></GEO>
            <ORG><ORGNAME>A</ORGNAME><ORGUNIT>B</ORGUNIT><ORGUNIT>C</ORGUNIT></ORG><URL>mailto:x</URL>
            """)
        let properties = CardProperties(vCard: card)
        let newer = try written { properties.write4(keeping: nil, to: &$0) }
        #expect(CardProperties(vCard4: newer) == properties)
        let older = try written { properties.write(keeping: nil, to: &$0) }
        #expect(CardProperties(vCard: older) == properties)
        // The order is nobody's concern, nor is what the other form has no word for.
        #expect(
            CardProperties(vCard: try old("<URL>a</URL><FN>b</FN><EMAIL><USERID>c</USERID></EMAIL><MAILER>d</MAILER>"))
                == CardProperties(
                    vCard4: try new(
                        "<email><text>c</text></email><url><uri>a</uri></url><fn><text>b</text></fn><lang>d</lang>")))
    }

    @Test func whatOneFormAloneSaysStays() throws {
        let properties = CardProperties(vCard: try old("<FN>Romeo</FN>"))
        let newer = try written {
            properties.write4(keeping: try? new("<fn><text>R</text></fn><gender><sex>M</sex></gender>"), to: &$0)
        }
        #expect(newer.isEquivalent(to: try new("<gender><sex>M</sex></gender><fn><text>Romeo</text></fn>")))
        let older = try written { properties.write(keeping: try? old("<FN>R</FN><NOTE>n</NOTE><AGENT/>"), to: &$0) }
        #expect(older.isEquivalent(to: try old("<AGENT/><FN>Romeo</FN>")))
    }

    @Test func oddCardsSayNothing() throws {
        let nothing = CardProperties(vCard: try old(""))
        let texts = [
            "<FN/>", "<TEL/>", "<TEL><NUMBER> </NUMBER></TEL>", "<N><FAMILY/></N>", "<ORG/>", "<GEO><LAT/></GEO>",
            "<FN xmlns=\"urn:example\">x</FN>", "<PHOTO><BINVAL>x</BINVAL></PHOTO>",
        ]
        for text in texts { #expect(CardProperties(vCard: try old(text)) == nothing, "\(text)") }
        let texts4 = [
            "<fn/>", "<tel><parameters><type><text>work</text></type></parameters></tel>", "<geo><uri>geo:</uri></geo>",
            "<geo><uri>geo:1</uri></geo>", "<org><text/></org>", "<n/>", "<impp><uri>xmpp:</uri></impp>",
        ]
        for text in texts4 { #expect(CardProperties(vCard4: try new(text)) == nothing, "\(text)") }
    }

    @Test func namesAreOneLineOfBoundedLength() {
        #expect(Card.name(from: " a\n\tb  c ") == "a b c")
        #expect(Card.name(from: String(repeating: "x", count: 5000)).count == 200)
        #expect(Card.name(from: "\u{7}") == "")
        #expect(Card.name(from: "x" + String(repeating: "\u{301}", count: 100_000)).utf8.count <= 1023)
    }
}
