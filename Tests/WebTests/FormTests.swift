import Testing
import XMPPServer

@testable import Web

@Suite struct FormTests {
    @Test func aFormIsReadAsItWasWritten() throws {
        let form = try #require(Form("a=1+2&b=%2B%26%3D&c=&d&a%20b=%C3%A4"))
        #expect(form["a"] == "1 2" && form["b"] == "+&=" && form["c"] == "" && form["d"] == "" && form["a b"] == "ä")
        #expect(form["e"] == nil)
        let text = Form.encode([("a b", "+&=ä"), ("c", nil), ("d", "")])
        #expect(text == "a%20b=%2B%26%3D%C3%A4&d=")
        #expect(Form(text)?["a b"] == "+&=ä")
    }

    @Test func whatStandsThereTwiceCountsAsMissing() throws {
        let form = try #require(Form("a=1&a=2&b=3"))
        #expect(form["a"] == nil && form["b"] == "3" && form.hasRepeatedNames)
        #expect(Form("a=%ZZ") == nil && Form("a=%FF") == nil)
        #expect(Form(String(repeating: "a=1&", count: 101)) == nil)
    }

    @Test func aFileIsTakenOutOfAForm() throws {
        let body =
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--x\r\n"
            + "Content-Disposition: form-data; name=\"f\"; filename=\"name\"\r\nContent-Type: image/png\r\n\r\n\r\n--\r\n\r\n--x--\r\n"
        let form = try #require(MultipartForm(Array(body.utf8), contentType: "multipart/form-data; boundary=\"x\""))
        #expect(form.text("a") == "one" && form["f"] == Array("\r\n--\r\n".utf8) && form["name"] == nil)
        for end in 0..<body.utf8.count - 4 {
            _ = MultipartForm(Array(body.utf8.prefix(end)), contentType: "multipart/form-data; boundary=x")
        }
        #expect(MultipartForm(Array(body.utf8.prefix(60)), contentType: "multipart/form-data; boundary=x") == nil)
        #expect(MultipartForm(Array(body.utf8), contentType: "multipart/form-data") == nil)
        #expect(MultipartForm(Array(body.utf8), contentType: "text/plain; boundary=x") == nil)
    }

    @Test(arguments: [
        ("https://app.example/back", true), ("http://127.0.0.1/back", true), ("http://[::1]:80/", true),
        ("http://localhost/x", true), ("com.example.app:/back", true), ("http://app.example/", false),
        ("javascript:alert(1)", false), ("data:text/html,x", false), ("app:/x", false), ("https:///x", false),
        ("https://app.example/#x", false), ("https://app.example/ x", false), ("/back", false), ("", false),
        ("https://user@app.example/", false), ("https://app.example:99999/", false),
    ])
    func redirectsAreOnesThatOnlyTheAppReceives(_ address: String, _ isAllowed: Bool) {
        #expect(RedirectAddress.isAllowed(address) == isAllowed)
    }

    @Test func redirectsAreComparedWordForWordButForThePortOnThisMachine() {
        #expect(RedirectAddress.matches("http://127.0.0.1:4711/back", "http://127.0.0.1/back"))
        #expect(!RedirectAddress.matches("http://127.0.0.1:4711/back", "http://localhost/back"))
        #expect(!RedirectAddress.matches("http://127.0.0.1:4711/back?x", "http://127.0.0.1/back"))
        #expect(!RedirectAddress.matches("https://app.example:8443/back", "https://app.example/back"))
        #expect(!RedirectAddress.matches("http://127.0.0.1:4711@evil.example/back", "http://127.0.0.1/back"))
    }

    @Test(
        arguments: [
            ("https://chat.example", "https://chat.example"), ("http://chat.example:80/", "http://chat.example"),
            ("https://chat.example:8443", "https://chat.example:8443"), ("https://[::1]:5443", "https://[::1]:5443"),
            ("ftp://chat.example", nil), ("https://chat.example/x", nil), ("https://", nil), ("chat.example", nil),
        ] as [(String, String?)])
    func addressesOfSites(_ text: String, _ normal: String?) {
        #expect(WebAddress(text)?.description == normal)
    }
}
