import Testing
import XMPP

/// SASLprep, RFC 4013.
@Suite struct SASLprepTests {
    @Test(
        "The examples of RFC 4013, section 3, and others",
        arguments: [
            ("I\u{AD}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{AA}", "a"), ("\u{2168}", "IX"),
            ("\u{7}", nil), ("\u{627}\u{31}", nil), ("", nil), ("\u{AD}", nil),
            ("a\u{A0}b", "a b"), ("\u{FB01}sh", "fish"), ("e\u{301}", "\u{E9}"), ("\u{212B}", "\u{C5}"),
            ("\u{FF21}\u{FF22}", "AB"), ("\u{627}1\u{628}", "\u{627}1\u{628}"), ("\u{627}a\u{628}", nil),
            ("\u{E000}", nil), ("\u{FFFD}", nil), ("\u{200E}", nil), ("a\u{7F}", nil), ("\u{AC00}", "\u{AC00}"),
            ("\u{1F642}", "\u{1F642}"),
            (
                "\u{FDFA}",
                "\u{635}\u{644}\u{649} \u{627}\u{644}\u{644}\u{647} "
                    + "\u{639}\u{644}\u{64A}\u{647} \u{648}\u{633}\u{644}\u{645}"
            ),
        ] as [(String, String?)])
    func examples(_ text: String, _ prepared: String?) {
        #expect(SASLprep.prepare(text).map { Array($0.unicodeScalars) } == prepared.map { Array($0.unicodeScalars) })
    }
}
