import Testing

@testable import XMPP

@Suite struct Base64Tests {
    /// RFC 4648, section 10, and all the letters.
    static let pairs: [(String, [UInt8])] = [
        ("", []), ("Zg==", Array("f".utf8)), ("Zm8=", Array("fo".utf8)), ("Zm9v", Array("foo".utf8)),
        ("Zm9vYg==", Array("foob".utf8)), ("Zm9vYmE=", Array("fooba".utf8)), ("Zm9vYmFy", Array("foobar".utf8)),
        ("AP//+/8=", [0, 255, 255, 251, 255]),
    ]

    @Test(arguments: pairs)
    func bothWays(text: String, bytes: [UInt8]) {
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text) == bytes)
        #expect(Base64.decode(Array(text.utf8)) == bytes)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Zm8", "Zm9vZg", "Zh==", "Zm9=", "Zg==Zg==", "Z=g=",
        "Zg= =",
        " Zg==", "Zg==\n", "Zm-_", "Zm9\u{E9}", "Zm\u{0}v", "=m9v",
    ])
    func refuses(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func anyBytesReadBack() {
        var random = Numbers(seed: 64)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8(random.below(256)) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }
}
