import Testing

@testable import XMPP

@Suite struct PercentTests {
    @Test(arguments: [
        ("", ""), ("abc", "abc"), ("a%2fb%2Bc%3D%3d", "a/b+c=="), ("a+b", "a+b"), ("%25", "%"), ("%c3%A9", "\u{E9}"),
        ("\u{E9}%20", "\u{E9} "), ("%00", "\u{0}"),
    ])
    func decodes(text: String, expected: String) {
        #expect(Percent.decode(text) == expected)
    }

    @Test(arguments: ["%", "%2", "%2g", "%g2", "a%", "%%20", "%+1", "%ff", "%c3", "%c3%28", "%\u{E9}1"])
    func refuses(text: String) {
        #expect(Percent.decode(text) == nil)
    }
}
