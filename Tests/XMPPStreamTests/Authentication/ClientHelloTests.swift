import NIOCore
import NIOEmbedded
import Testing

@testable import XMPPStream

/// Puts together the first record of a TLS connection.
struct HelloRecord {
    var type: UInt8 = 22
    var handshake: UInt8 = 1
    var random = [UInt8](0..<32)
    var session: [UInt8] = [7, 7]
    /// Without their length; nil for a ClientHello that ends before them.
    var extensions: [UInt8]? = [0, 43, 0, 3, 2, 3, 4]
    /// What is missing of the message, because it goes on in another record.
    var cut = 0

    static func vector(_ lengthBytes: Int, _ bytes: [UInt8]) -> [UInt8] {
        (0..<lengthBytes).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }

    /// A server_name extension.
    static func serverName(_ name: String, type: UInt8 = 0) -> [UInt8] {
        [0, 0] + vector(2, vector(2, [type] + vector(2, Array(name.utf8))))
    }

    var bytes: [UInt8] {
        var body: [UInt8] = [3, 3]
        body += random
        body += Self.vector(1, session)
        body += Self.vector(2, [0x13, 1])
        body += Self.vector(1, [0])
        if let extensions { body += Self.vector(2, extensions) }
        let message = [handshake] + Self.vector(3, body)
        return [type, 3, 1] + Self.vector(2, Array(message.dropLast(cut)))
    }

    var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }
}

@Suite("ClientHello")
struct ClientHelloTests {
    static let named = HelloRecord.serverName("example.org")

    @Test(
        "the server's name is read wherever it stands",
        arguments: [
            (HelloRecord(extensions: named), ServerName.named("example.org")),
            (HelloRecord(extensions: [0, 43, 0, 3, 2, 3, 4] + named + [0, 10, 0, 0]), .named("example.org")),
            (HelloRecord(session: [], extensions: named), .named("example.org")),
            (HelloRecord(), .absent),
            (HelloRecord(extensions: []), .absent),
            (HelloRecord(extensions: nil), .absent),
            (HelloRecord(extensions: HelloRecord.serverName("")), .unreadable),
            (HelloRecord(extensions: HelloRecord.serverName("a b")), .unreadable),
            (HelloRecord(extensions: HelloRecord.serverName("a\0b")), .unreadable),
            (HelloRecord(extensions: HelloRecord.serverName("a", type: 1)), .unreadable),
            (HelloRecord(extensions: [0, 0, 0, 1, 0]), .unreadable),
            (HelloRecord(extensions: [0, 0, 0]), .unreadable),
            (HelloRecord(extensions: [0, 0, 0xFF, 0xFF]), .unreadable),
            (HelloRecord(extensions: named, cut: 1), .unreadable),
            (HelloRecord(extensions: named, cut: 20), .unreadable),
        ])
    func serverName(record: HelloRecord, name: ServerName) {
        guard case .parsed(let hello) = ClientHello.parse(record.bytes) else {
            Issue.record("not parsed")
            return
        }
        #expect(hello.serverName == name)
        #expect(hello.random == ClientRandom(record.random))
    }

    @Test(
        "what is not a ClientHello opens no entry and is passed on",
        arguments: [
            HelloRecord(type: 23).bytes, HelloRecord(handshake: 2).bytes, HelloRecord(cut: 30).bytes,
            [22, 3, 1, 0x40, 1], [22, 3, 1, 0xFF, 0xFF], [22, 3, 1, 0, 0], Array(HelloRecord().bytes.dropLast()),
            Array("<?xml version=\"1.0\"?><stream:stream>".utf8),
        ])
    func otherRecords(record: [UInt8]) throws {
        let exporter = TLSExporter()
        let channel = EmbeddedChannel()
        let reader = ClientHelloReader(exporter: exporter)
        try channel.pipeline.syncOperations.addHandler(reader)
        try channel.writeInbound(ByteBuffer(bytes: record))
        #expect(exporter.count == 0)
        #expect(reader.takeChannelBinding() == nil)
        #expect(reader.serverName == .unreadable)
        #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(bytes: record))
        _ = try channel.finish()
    }

    @Test("no byte of a record can do harm")
    func everyByte() {
        let record = HelloRecord(extensions: Self.named).bytes
        for index in record.indices {
            for byte: UInt8 in [0, 1, 0x7F, 0xFF] {
                var changed = record
                changed[index] = byte
                _ = ClientHello.parse(changed)
                _ = ClientHello.parse(Array(changed[..<index]))
            }
        }
    }

    @Test("the record is read however it is split, before its end is passed on")
    func everySplit() throws {
        let bytes = HelloRecord(extensions: Self.named).buffer
        for split in 0...bytes.readableBytes {
            let exporter = TLSExporter()
            let channel = EmbeddedChannel()
            let reader = ClientHelloReader(exporter: exporter)
            let probe = Probe { exporter.count }
            try channel.pipeline.syncOperations.addHandlers([reader, probe])
            var rest = bytes
            if let head = rest.readSlice(length: split) { try channel.writeInbound(head) }
            rest.writeString("behind")
            try channel.writeInbound(rest)
            #expect(probe.received.readableBytes == bytes.readableBytes + 6)
            #expect(probe.countAtEnd == 1)
            #expect(reader.serverName == .named("example.org"))
            _ = reader.takeChannelBinding()
            _ = try channel.finish()
        }
    }

    private final class Probe: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var received = ByteBuffer()
        var countAtEnd = 0
        let entries: () -> Int
        init(_ entries: @escaping () -> Int) { self.entries = entries }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
            countAtEnd = entries()
        }
    }
}
