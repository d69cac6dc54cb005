import NIOCore
import Testing

@testable import XMPPServer

@Suite("The PROXY protocol") struct ProxyHeaderTests {
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    private func parse(_ bytes: some Sequence<UInt8>) -> ProxyHeader.Outcome {
        ProxyHeader.parse(ByteBuffer(bytes: bytes).readableBytesView)
    }

    private static func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
    }

    @Test(
        "Version 1",
        arguments: [
            ("PROXY TCP4 198.51.100.1 192.0.2.1 65535 443\r\n", "198.51.100.1"),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 0 443\r\n", "2001:db8::1"),
            ("PROXY TCP6 ::ffff:198.51.100.1 ::1 0 443\r\n", "198.51.100.1"),
            ("PROXY UNKNOWN\r\n", nil),
            ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", nil),
        ] as [(String, String?)])
    func text(_ line: String, _ client: String?) throws {
        let header = try client.map { ProxyHeader.client(try #require(IPAddress($0))) } ?? .unknown
        #expect(parse(line.utf8 + Array("<stream".utf8)) == .parsed(header, byteCount: line.utf8.count))
        for end in 0..<line.utf8.count { #expect(parse(line.utf8.prefix(end)) == .unfinished) }
    }

    @Test(
        "What is no header",
        arguments: [
            "<", "PROXX", "proxy TCP4", "PROXY  TCP4 198.51.100.1 192.0.2.1 1 2\r\n", "PROXY\r\n",
            "PROXY TCP4 198.51.100.1 192.0.2.1 1\r\n", "PROXY TCP4 198.51.100.1 192.0.2.1 1 65536\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 198.51.100.1 192.0.2.1 1 2\r\n",
            "PROXY TCP4 198.51.100.1 192.0.2.1 1 2\n", "PROXY TCP4 x y 1 2\r\n",
            "PROXY " + String(repeating: "x", count: 101),
        ])
    func noHeader(_ text: String) {
        #expect(parse(text.utf8) == .other)
    }

    @Test("Version 2")
    func binary() throws {
        let four = ProxyHeader.client(try #require(IPAddress("198.51.100.1")))
        let addresses: [UInt8] = [198, 51, 100, 1, 192, 0, 2, 1, 0, 1, 0, 2]
        let plain = Self.binary(0x21, 0x11, addresses)
        #expect(parse(plain + [0x3C]) == .parsed(four, byteCount: 28))
        for end in 0..<plain.count { #expect(parse(plain.prefix(end)) == .unfinished) }
        // With more behind the addresses.
        #expect(parse(Self.binary(0x21, 0x11, addresses + [4, 0, 1, 0])) == .parsed(four, byteCount: 32))
        let six = ProxyHeader.client(try #require(IPAddress("2001:db8::1")))
        let source: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1]
        #expect(parse(Self.binary(0x21, 0x21, source + source + [0, 1, 0, 2])) == .parsed(six, byteCount: 52))
        // For itself; by a Unix socket.
        #expect(parse(Self.binary(0x20, 0x11, addresses)) == .parsed(.unknown, byteCount: 28))
        #expect(parse(Self.binary(0x21, 0x31, addresses)) == .parsed(.unknown, byteCount: 28))
        // Too short, too long, another version, another command.
        #expect(parse(Self.binary(0x21, 0x11, Array(addresses.dropLast()))) == .other)
        #expect(parse(Self.signature + [0x21, 0x11, 0xFF, 0xFF]) == .other)
        #expect(parse(Self.binary(0x11, 0x11, addresses)) == .other)
        #expect(parse(Self.binary(0x22, 0x11, addresses)) == .other)
    }
}
