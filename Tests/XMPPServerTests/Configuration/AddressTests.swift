import NIOCore
import Testing

@testable import XMPPServer

@Suite struct AddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1::", "1::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func addressesAreRead(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.", "1:2:3:4:5:6:7", "12345::",
        "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "g::", "+1::", "%eth0", "1.2.3.4::", "localhost",
        "::1.2.3",
    ])
    func otherTextsAreNot(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.0/8", "127.9.8.7", true), ("127.0.0.0/8", "128.0.0.1", false), ("127.0.0.0/8", "::1", false),
        ("127.0.0.0/8", "::ffff:127.0.0.1", true), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true), ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("10.1.2.3/31", "10.1.2.2", true),
    ])
    func blocksContain(block: String, address: String, contained: Bool) throws {
        let address = try #require(IPAddress(address))
        #expect(CIDRBlock(block)?.contains(address) == contained)
    }

    @Test(arguments: ["", "/8", "1.2.3.4/", "1.2.3.4/33", "::/129", "1.2.3.4/-1", "1.2.3.4/8/8", "1.2.3.4/+8"])
    func otherTextsAreNoBlocks(text: String) {
        #expect(CIDRBlock(text) == nil)
    }

    @Test func aBlockPrintsItsNetwork() {
        #expect(CIDRBlock("10.1.2.3/8")?.description == "10.0.0.0/8")
    }

    @Test func aClientIsAnAddressOrAWholeNetwork() {
        #expect(IPAddress("192.0.2.1")?.client.description == "192.0.2.1/32")
        #expect(IPAddress("2001:db8:1:2:3::4")?.client.description == "2001:db8:1:2::/64")
    }

    @Test(arguments: [
        ("node.example", "node.example", 5222, "node.example"),
        ("node.example:5222", "node.example", 5222, "node.example"),
        ("NODE1:5223", "NODE1", 5223, "NODE1:5223"), ("[::1]:5223", "::1", 5223, "[::1]:5223"),
        ("::1", "::1", 5222, "[::1]"), ("127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"),
    ])
    func redirectTargetsAreRead(text: String, host: String, port: Int, written: String) {
        #expect(RedirectTarget(text) == RedirectTarget(host: host, port: port))
        #expect(RedirectTarget(text)?.description == written)
    }

    @Test(arguments: [
        "", ":5222", "host:", "host:0", "host:65536", "host:+5", "a b", "[host]:1", "[::1", "1:2:3", "<a>",
    ])
    func otherTextsAreNoTargets(text: String) {
        #expect(RedirectTarget(text) == nil)
    }

    @Test(
        "A socket's address is what its text says", arguments: ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "::"])
    func ofSocket(_ text: String) throws {
        #expect(IPAddress(try SocketAddress(ipAddress: text, port: 5222)) == IPAddress(text))
    }
}
