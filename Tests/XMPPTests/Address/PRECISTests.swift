import Testing

@testable import XMPP

@Suite struct PRECISTests {
    /// The mapped form, or nil for what the profile refuses.
    static let usernames: [(String, String?)] = [
        ("", nil), ("juliet", "juliet"), ("JULIET", "juliet"), ("juliet@example.com", "juliet@example.com"),
        ("fu\u{DF}ball", "fu\u{DF}ball"), ("\u{1E9E}", "\u{DF}"), ("\u{3A3}", "\u{3C3}"), ("\u{3C2}", "\u{3C2}"),
        (
            "\u{39F}\u{394}\u{3A5}\u{3A3}\u{3A3}\u{395}\u{3A5}\u{3A3}",
            "\u{3BF}\u{3B4}\u{3C5}\u{3C3}\u{3C3}\u{3B5}\u{3C5}\u{3C3}"
        ),
        ("\u{130}", "i\u{307}"), ("I", "i"), ("\u{131}", "\u{131}"),
        ("\u{FF21}\u{FF42}\u{FF13}", "ab3"), ("\u{FF76}\u{FF9E}", "\u{30AC}"), ("\u{FF65}\u{FF76}", "\u{30FB}\u{30AB}"),
        ("\u{416}\u{423}\u{41A}", "\u{436}\u{443}\u{43A}"), ("\u{10400}", "\u{10428}"),
        ("A\u{30A}", "\u{E5}"), ("q\u{307}\u{323}", "q\u{323}\u{307}"), ("\u{1E0B}\u{323}", "\u{1E0D}\u{307}"),
        ("\u{AC00}", "\u{AC00}"), ("\u{1100}\u{1161}", "\u{AC00}"), ("\u{212B}", "\u{E5}"), ("\u{212A}", "k"),
        ("\u{1161}", nil),
        ("henry\u{2163}", nil), ("\u{2160}", nil), ("\u{265A}", nil), ("\u{221E}", nil), ("\u{1F600}", nil),
        ("a b", nil),
        ("\u{A0}", nil), ("\u{FB01}", nil), ("\u{1C5}", nil), ("\u{1F88}", "\u{1F80}"), ("\u{2126}", "\u{3C9}"),
        ("\u{3000}", nil),
        ("\u{AD}", nil), ("a\u{200B}", nil), ("\u{FEFF}", nil), ("\u{E0100}", nil), ("\u{180E}", nil), ("\u{7F}", nil),
        ("\u{E000}", nil), ("\u{378}", nil),
        ("\u{3007}", "\u{3007}"), ("\u{F0B}", "\u{F0B}"), ("a\u{640}", nil), ("\u{303B}", nil), ("\u{302E}", nil),
        // Written from right to left.
        ("\u{5D0}\u{5D1}", "\u{5D0}\u{5D1}"), ("\u{627}\u{628}1", "\u{627}\u{628}1"), ("\u{5D0}a", nil),
        ("a\u{5D0}", nil),
        ("1\u{5D0}", nil), ("\u{627}\u{661}", "\u{627}\u{661}"), ("\u{661}", nil), ("\u{627}\u{661}1", nil),
        ("\u{5D0}-", nil), ("\u{5D0}-\u{5D1}", "\u{5D0}-\u{5D1}"), ("\u{5D0}\u{5B0}", "\u{5D0}\u{5B0}"),
        ("a1-b", "a1-b"), ("\u{5D0}\u{5B0}-", nil), ("\u{300}\u{5D0}", nil),
        // Valid in context only.
        ("l\u{B7}l", "l\u{B7}l"), ("L\u{B7}L", "l\u{B7}l"), ("a\u{B7}l", nil), ("\u{B7}", nil), ("l\u{B7}", nil),
        ("\u{375}\u{3B1}", "\u{375}\u{3B1}"), ("\u{375}a", nil), ("\u{375}", nil),
        ("\u{5D0}\u{5F3}", "\u{5D0}\u{5F3}"), ("\u{5D0}\u{5F4}", "\u{5D0}\u{5F4}"), ("\u{5F3}", nil), ("a\u{5F4}", nil),
        ("\u{30AB}\u{30FB}", "\u{30AB}\u{30FB}"), ("\u{4E00}\u{30FB}", "\u{4E00}\u{30FB}"), ("\u{30FB}", nil),
        ("a\u{30FB}b", nil), ("\u{627}\u{660}\u{6F0}", nil), ("\u{6F0}", "\u{6F0}"), ("a\u{6F0}", "a\u{6F0}"),
        ("\u{915}\u{94D}\u{200D}\u{937}", "\u{915}\u{94D}\u{200D}\u{937}"), ("a\u{200D}", nil), ("\u{200D}", nil),
        ("\u{915}\u{94D}\u{200C}\u{937}", "\u{915}\u{94D}\u{200C}\u{937}"), ("\u{200C}", nil), ("a\u{200C}b", nil),
        ("\u{628}\u{200C}\u{628}", "\u{628}\u{200C}\u{628}"),
        (
            "\u{628}\u{64E}\u{200C}\u{64E}\u{627}",
            "\u{628}\u{64E}\u{200C}\u{64E}\u{627}"
        ), ("\u{627}\u{200C}\u{628}", nil), ("\u{628}\u{200C}", nil),
    ]

    @Test(arguments: usernames)
    func usernameCaseMapped(input: String, output: String?) {
        #expect(PRECIS.usernameCaseMapped(input).map(scalars) == output.map(scalars))
        if let output { #expect(PRECIS.usernameCaseMapped(output).map(scalars) == scalars(output)) }
    }

    static let opaque: [(String, String?)] = [
        ("", nil), ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u{3C0}\u{DF}\u{E5}", "\u{3C0}\u{DF}\u{E5}"), ("Jack of \u{2666}s", "Jack of \u{2666}s"),
        ("foo\u{1680}bar", "foo bar"), ("my cat is a \u{9}by", nil), ("\u{FF21}", "\u{FF21}"), ("\u{2163}", "\u{2163}"),
        ("A\u{30A}", "\u{C5}"), ("\u{212B}", "\u{C5}"), ("\u{3A3}", "\u{3A3}"), (" ", " "), ("\u{3000}", " "),
        ("\u{1F600}", "\u{1F600}"), ("\u{1F469}\u{200D}\u{1F680}", nil), ("\u{2764}\u{FE0F}", nil),
        (
            "\u{5D0}a",
            "\u{5D0}a"
        ),
        ("\u{1100}\u{1161}", "\u{AC00}"), ("\u{0}", nil), ("\u{85}", nil), ("\u{AD}", nil), ("\u{E000}", nil),
        ("\u{378}", nil),
        ("\u{2028}", nil), ("\u{202E}", nil),
    ]

    @Test(arguments: opaque)
    func opaqueString(input: String, output: String?) {
        #expect(PRECIS.opaqueString(input).map(scalars) == output.map(scalars))
        if let output { #expect(PRECIS.opaqueString(output).map(scalars) == scalars(output)) }
    }

    @Test(arguments: [0xFDD0, 0xFFFF, 0x1FFFE, 0x10FFFF] as [UInt32])
    func refusesNoncharacters(value: UInt32) throws {
        let text = String(try #require(Unicode.Scalar(value)))
        #expect(PRECIS.usernameCaseMapped(text) == nil)
        #expect(PRECIS.opaqueString(text) == nil)
    }

    @Test func everyCodePointIsPreparedStably() {
        for value in UInt32(0)...0x10_FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if let once = PRECIS.usernameCaseMapped(String(scalar)) {
                let text = scalars(once)
                #expect(PRECIS.usernameCaseMapped(once).map(scalars) == text, "U+\(String(value, radix: 16))")
            }
        }
    }

    @Test func agreesWithTheStandardLibraryOnLowercase() {
        for value in UInt32(0)...0x10_FFFF {
            guard let scalar = Unicode.Scalar(value), UnicodeTables.shared.properties(of: scalar).derived != .unassigned
            else { continue }
            #expect(PRECIS.lowercase([scalar]) == Array(scalar.properties.lowercaseMapping.unicodeScalars))
        }
    }

    @Test func costStaysLinear() {
        let marks = String(repeating: "\u{301}\u{323}", count: 20_000)
        #expect(PRECIS.usernameCaseMapped("a" + marks) != nil)
        #expect(PRECIS.usernameCaseMapped("\u{30AB}" + String(repeating: "\u{30FB}", count: 40_000)) != nil)
        #expect(PRECIS.usernameCaseMapped("\u{627}" + String(repeating: "\u{661}", count: 40_000)) != nil)
        #expect(PRECIS.opaqueString(String(repeating: "\u{628}\u{64E}\u{200C}", count: 20_000) + "\u{628}") != nil)
    }

    private func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }
}
