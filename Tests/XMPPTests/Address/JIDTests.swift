import Testing

@testable import XMPP

@Suite struct JIDTests {
    /// The addresses of RFC 7622, section 3.5, and their parts.
    static let valid: [(text: String, local: String?, domain: String, resource: String?)] = [
        ("juliet@example.com", "juliet", "example.com", nil),
        ("juliet@example.com/foo", "juliet", "example.com", "foo"),
        ("juliet@example.com/foo bar", "juliet", "example.com", "foo bar"),
        ("juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"),
        ("foo\\20bar@example.com", "foo\\20bar", "example.com", nil),
        ("fussball@example.com", "fussball", "example.com", nil),
        ("fu\u{DF}ball@example.com", "fu\u{DF}ball", "example.com", nil),
        ("\u{3C0}@example.com", "\u{3C0}", "example.com", nil),
        ("\u{3A3}@example.com/foo", "\u{3C3}", "example.com", "foo"),
        ("\u{3C3}@example.com/foo", "\u{3C3}", "example.com", "foo"),
        ("\u{3C2}@example.com/foo", "\u{3C2}", "example.com", "foo"),
        ("king@example.com/\u{265A}", "king", "example.com", "\u{265A}"),
        ("example.com", nil, "example.com", nil),
        ("example.com/foobar", nil, "example.com", "foobar"),
        ("a.example.com/b@example.net", nil, "a.example.com", "b@example.net"),
        // Beyond the RFC's.
        ("Juliet@EXAMPLE.Com/Balcony", "juliet", "example.com", "Balcony"),
        ("juliet@example.com/a/b//", "juliet", "example.com", "a/b//"),
        ("example.com./x", nil, "example.com", "x"),
        ("juliet@example.com.", "juliet", "example.com", nil),
        ("localhost", nil, "localhost", nil),
        ("a@127.0.0.1/x", "a", "127.0.0.1", "x"),
        ("a@[::1]/x", "a", "[::1]", "x"),
        ("[2001:DB8::1]", nil, "[2001:db8::1]", nil),
        ("r3---sn-5hne6n7e.example", nil, "r3---sn-5hne6n7e.example", nil),
        ("a@b\u{FC}cher.example", "a", "b\u{FC}cher.example", nil),
        ("a@B\u{DC}CHER.example.", "a", "b\u{FC}cher.example", nil),
        ("a@xn--bcher-kva.example", "a", "b\u{FC}cher.example", nil),
        ("a@XN--BCHER-KVA.example/R", "a", "b\u{FC}cher.example", "R"),
        ("a@\u{FF42}.example\u{3002}org", "a", "b.example.org", nil),
        ("a@fa\u{DF}.example", "a", "fa\u{DF}.example", nil),
        (
            "a@\u{43F}\u{440}\u{438}\u{43C}\u{435}\u{440}.\u{440}\u{444}", "a",
            "\u{43F}\u{440}\u{438}\u{43C}\u{435}\u{440}.\u{440}\u{444}", nil
        ),
        ("\u{FF2A}\u{FF35}\u{FF2C}@example.com", "jul", "example.com", nil),
        (
            "\u{418}\u{412}\u{410}\u{41D}@example.com/\u{41F}\u{41A}", "\u{438}\u{432}\u{430}\u{43D}", "example.com",
            "\u{41F}\u{41A}"
        ),
        ("e\u{301}@example.com/e\u{301}", "\u{E9}", "example.com", "\u{E9}"),
        ("a@example.com/x\u{3000}y\u{A0}z", "a", "example.com", "x y z"),
        ("a@example.com/ x ", "a", "example.com", " x "),
        ("a@example.com/\u{FF0F}\u{FF20}", "a", "example.com", "\u{FF0F}\u{FF20}"),
    ]

    @Test(arguments: valid)
    func parses(text: String, local: String?, domain: String, resource: String?) throws {
        let jid = try #require(JID(text))
        #expect(jid.local.map(bytes) == local.map(bytes))
        #expect(bytes(jid.domain) == bytes(domain))
        #expect(jid.resource.map(bytes) == resource.map(bytes))
        #expect(jid.hasLocal == (local != nil))
        #expect(jid.isFull == (resource != nil))
        #expect(jid.isBare == (resource == nil))
        #expect(jid.isDomain == (local == nil && resource == nil))
        #expect(jid.description == jid.string)

        let again = try #require(JID(jid.string))
        #expect(again == jid)
        #expect(bytes(again.string) == bytes(jid.string))
        #expect(JID(local: local, domain: domain, resource: resource) == jid)
        #expect(JID(local: jid.local, domain: jid.domain, resource: nil) == jid.bare)
        #expect(jid.bare.bareHash == jid.bareHash)
        #expect(jid.bare.isSameBare(as: jid))
        #expect(jid.bare.isBare)
        if let resource { #expect(jid.bare.with(resource: resource) == jid) }
    }

    static let invalid: [String] = [
        "", "@", "/", "@/", "@example.com", "juliet@", "juliet@/x", "juliet@example.com/", "example.com/", "/x", ".",
        "juliet@.", "juliet@example..com", "juliet@.example.com", "juliet@example.com..", "a@b@c", "a@@b",
        // RFC 7622, section 3.5: not JIDs.
        "\"juliet\"@example.com", "foo bar@example.com", "@example.com/", "henry\u{2163}@example.com",
        "\u{265A}@example.com", "juliet@", "/foobar",
        "ju&liet@example.com", "ju'liet@example.com", "ju:liet@example.com", "ju<liet@example.com",
        "ju>liet@example.com", "a\u{FF20}b@example.com", "a\u{FF0F}b@example.com", "a\u{FF02}@example.com",
        "a\u{0}@example.com", "a@exa\u{0}mple.com", "a@example.com/\u{0}", "a@example.com/\u{7F}", "a\tb@example.com",
        "a@exa_mple.com", "a@exa mple.com", "a@-example.com", "a@example-.com", "a@exa!mple.com",
        "a@b\u{FC}_cher.example",
        "a@\(String(repeating: "l", count: 64)).example", "a@[::1", "a@[]", "a@[::g]", "a@[1.2.3.4]", "a@[::1]x",
        "a@::1",
        "a@[fe80::1%25eth0]", "a@xn--.example", "a@xn--a.example", "a@xn--bcher-kv!.example", "a@\u{265A}.example",
        "a@\u{2024}.example", "a@b\u{200B}c.example", "a@\u{301}b.example", "a@\u{5D0}a.example",
        // A separator that normalisation would make is none.
        "a\u{FF20}example.com", "juliet\u{2100}@example.com",
    ]

    @Test(arguments: invalid)
    func refuses(text: String) {
        #expect(JID(text) == nil)
    }

    @Test func boundsEachPart() {
        let most = JID.maximumPartByteCount
        let label = String(repeating: "d", count: 63) + "."
        let domain = String(String(repeating: label, count: 17).prefix(most))
        for (part, more) in [("l", ""), ("\u{43B}", ""), ("\u{43B}", "x")] {
            let long = String(repeating: part, count: (most - more.utf8.count) / part.utf8.count) + more
            #expect(JID("\(long)@\(domain)/\(long)") != nil)
            #expect(JID("\(long)\(part)@example.com") == nil)
            #expect(JID("example.com/\(long)\(part)") == nil)
            #expect(JID(local: long + part, domain: "example.com", resource: nil) == nil)
            #expect(JID("example.com")?.with(resource: long + part) == nil)
        }
        #expect(JID(domain) != nil)
        #expect(JID(domain + "d") == nil)
        #expect(JID(domain + "d/x") == nil)
        #expect(JID(String(repeating: "x", count: 1_000_000)) == nil)
    }

    @Test func countsBytesAfterNormalisation() {
        let decomposed = String(repeating: "e\u{301}", count: 511)
        #expect(decomposed.utf8.count > JID.maximumPartByteCount)
        #expect(JID("\(decomposed)@example.com")?.local?.utf8.count == 1022)
    }

    @Test func emptyPartsAreNotAbsentOnes() {
        #expect(JID(local: "", domain: "example.com", resource: nil) == nil)
        #expect(JID(local: nil, domain: "example.com", resource: "") == nil)
        #expect(JID(local: nil, domain: "", resource: nil) == nil)
        #expect(JID("example.com")?.with(resource: "") == nil)
        #expect(JID(local: "a@b", domain: "example.com", resource: nil) == nil)
        #expect(JID(local: "a", domain: "example.com/x", resource: nil) == nil)
        #expect(JID(local: nil, domain: "a@example.com", resource: nil) == nil)
    }

    @Test func comparesBytes() throws {
        let jid = try #require(JID("juliet@example.com/balcony"))
        #expect(jid == JID("JULIET@example.COM/balcony"))
        #expect(jid.hashValue == JID("JULIET@example.COM/balcony")?.hashValue)
        #expect(jid != JID("juliet@example.com/Balcony"))
        #expect(jid != jid.bare)
        #expect(Set([jid, jid.bare, try #require(JID("Juliet@example.com"))]).count == 2)
        let other = try #require(JID("juliet@example.com/chamber"))
        #expect(jid.isSameBare(as: other))
        #expect(jid.bareHash == other.bareHash)
        #expect(!jid.isSameBare(as: try #require(JID("juliet@example.org/balcony"))))
        #expect(!jid.isSameBare(as: try #require(JID("example.com/balcony"))))
        let domain = try #require(JID("example.com/a"))
        #expect(domain.isSameBare(as: try #require(JID("example.com"))))
    }

    @Test func replacesTheResource() throws {
        let jid = try #require(JID("juliet@example.com/balcony"))
        #expect(jid.with(resource: "x\u{2003}y")?.string == "juliet@example.com/x y")
        #expect(jid.with(resource: "\u{7}") == nil)
        let domain = try #require(JID("example.com"))
        let full = try #require(domain.with(resource: "r"))
        #expect(full == JID("example.com/r"))
        #expect(full.local == nil)
    }

    @Test func isSmall() {
        #expect(MemoryLayout<JID>.size <= 32)
        #expect(MemoryLayout<JID?>.size <= 32)
    }

    @Test func refusesBytesThatAreNotUTF8() {
        for bad: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]] {
            #expect(jid(ofBytes: bad) == nil)
            #expect(jid(ofBytes: Array("a@example.com/".utf8) + bad) == nil)
            #expect(jid(ofBytes: Array("a".utf8) + bad + Array("@example.com".utf8)) == nil)
        }
    }

    /// Any input is refused or becomes an address that reads back as itself.
    @Test func preparingIsIdempotent() {
        var random = Numbers(seed: 7622)
        let pieces: [String] = [
            "a", "Z", "@", "/", ".", "-", "1", " ", "xn--", "example", "\u{DF}", "\u{130}", "\u{3A3}", "\u{3C2}",
            "\u{301}", "\u{323}", "\u{307}", "\u{345}", "\u{5D0}", "\u{627}", "\u{660}", "\u{6F0}", "\u{94D}",
            "\u{200D}", "\u{200C}", "\u{FF21}", "\u{FF0E}", "\u{FF20}", "\u{3002}", "\u{1100}", "\u{1161}", "\u{AC00}",
            "\u{11A8}", "\u{212B}", "\u{FB1D}", "\u{1F88}", "\u{1E9E}", "\u{10400}", "\u{1F600}", "\u{E0100}", "\u{B7}",
            "l", "\u{30FB}", "\u{30AB}", "\u{378}",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            let text = (0..<random.below(12)).map { _ in pieces[random.below(pieces.count)] }.joined()
            guard let jid = JID(text) else { continue }
            accepted += 1
            #expect(JID(jid.string) == jid)
            #expect(JID(local: jid.local, domain: jid.domain, resource: jid.resource) == jid)
        }
        #expect(accepted > 500)
    }

    /// The short way for ASCII and the long one for all else give the same.
    @Test func bothWaysAgree() {
        var random = Numbers(seed: 93)
        let pieces =
            "aaabbZ09--..@@//[]:x_ \"&'<>~!\u{7F}".unicodeScalars.map { String($0) } + [
                "xn--", "[::1]",
                "localhost",
            ]
        for _ in 0..<50_000 {
            let text = (0..<random.below(9)).map { _ in pieces[random.below(pieces.count)] }.joined()
            let bare = text.prefix { $0 != "/" }
            let local = bare.contains("@") ? String(bare.prefix { $0 != "@" }) : nil
            let domain = local.map { String(bare.dropFirst($0.count + 1)) } ?? String(bare)
            let resource = bare.count < text.count ? String(text.dropFirst(bare.count + 1)) : nil
            #expect(JID(text) == JID(local: local, domain: domain, resource: resource), "\(text)")
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = Numbers(seed: 1)
        for _ in 0..<20_000 {
            let bytes = (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
            if let jid = jid(ofBytes: bytes) { #expect(JID(jid.string) == jid) }
            let scalars = (0..<random.below(12)).compactMap { _ in Unicode.Scalar(random.below(0x11_0000)) }
            let text = String(String.UnicodeScalarView(scalars))
            if let jid = JID("\(text)@\(text)/\(text)") { #expect(JID(jid.string) == jid) }
            if let jid = JID("a@example.com/\(text)") { #expect(JID(jid.string) == jid) }
        }
    }

    private func jid(ofBytes bytes: [UInt8]) -> JID? {
        bytes.withUnsafeBytes { JID(utf8: $0.bytes) }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}

/// Numbers that are the same in each run (SplitMix64).
struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ value >> 31) % UInt64(bound))
    }
}
