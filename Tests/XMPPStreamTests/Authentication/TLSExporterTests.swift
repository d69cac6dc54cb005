import NIOCore
import NIOEmbedded
import Testing

@testable import XMPPStream

@Suite("tls-exporter")
struct TLSExporterTests {
    static let random = [UInt8](0..<32)

    static func line(_ label: String, secretBytes: Int, random: [UInt8] = random) -> ByteBuffer {
        func hexadecimal(_ bytes: [UInt8]) -> String {
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        let secret = [UInt8](repeating: 0xA5, count: secretBytes)
        return ByteBuffer(string: "\(label) \(hexadecimal(random)) \(hexadecimal(secret))\n")
    }

    @Test("a secret is kept only for a connection that waits for it, and until it is taken", arguments: [32, 48])
    func lifetime(_ secretBytes: Int) throws {
        let exporter = TLSExporter()
        let channel = EmbeddedChannel()
        let reader = ClientHelloReader(exporter: exporter)
        try channel.pipeline.syncOperations.addHandler(reader)
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: secretBytes))
        #expect(exporter.count == 0)
        try channel.writeInbound(HelloRecord().buffer)
        #expect(exporter.count == 1)
        for label in ["SERVER_TRAFFIC_SECRET_0", "CLIENT_RANDOM", "EXPORTER", "EXPORTER_SECRET_0"] {
            exporter.secretLogged(Self.line(label, secretBytes: secretBytes))
        }
        exporter.secretLogged(
            Self.line("EXPORTER_SECRET", secretBytes: secretBytes, random: Array(Self.random.reversed())))
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: secretBytes))
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: 80 - secretBytes))
        let secret = [UInt8](repeating: 0xA5, count: secretBytes)
        #expect(reader.takeChannelBinding() == TLSExporter.channelBinding(exporterSecret: secret))
        #expect(exporter.count == 0)
        #expect(reader.takeChannelBinding() == nil)
        _ = try channel.finish()
    }

    @Test(
        "lines that are not exporter secrets are passed over",
        arguments: [
            "", "\n", "EXPORTER_SECRET ", "EXPORTER_SECRET zz zz\n", "EXPORTER_SECRET 00 00\n",
            "EXPORTER_SECRET \(String(repeating: "0", count: 64))\n",
            "EXPORTER_SECRET \(String(repeating: "0", count: 64)) 000\n",
            "EXPORTER_SECRET \(String(repeating: "0", count: 64)) 0000\n",
        ])
    func oddLines(_ line: String) throws {
        let exporter = TLSExporter()
        let random = try #require(ClientRandom([UInt8](repeating: 0, count: 32)))
        #expect(exporter.expect(random))
        exporter.secretLogged(ByteBuffer(string: line))
        #expect(exporter.take(random) == nil)
    }

    @Test("an entry goes with its connection")
    func closed() throws {
        let exporter = TLSExporter()
        for byTransport in [true, false] {
            let channel = EmbeddedChannel()
            let reader = ClientHelloReader(exporter: exporter)
            try channel.pipeline.syncOperations.addHandler(reader)
            try channel.writeInbound(HelloRecord().buffer)
            #expect(exporter.count == 1)
            if byTransport {
                channel.pipeline.fireChannelInactive()
            } else {
                let removal = channel.pipeline.syncOperations.removeHandler(reader)
                channel.embeddedEventLoop.run()
                try removal.wait()
            }
            #expect(exporter.count == 0)
            _ = try channel.finish(acceptAlreadyClosed: true)
        }
    }

    @Test("two connections with the same random have no tls-exporter; a full register gives none to more")
    func bounds() throws {
        let exporter = TLSExporter(capacity: 2)
        let randoms = try (0..<3).map { try #require(ClientRandom([UInt8](repeating: $0, count: 32))) }
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(exporter.expect(randoms[0]))
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: 32, random: zeros))
        #expect(exporter.expect(randoms[0]))
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: 32, random: zeros))
        #expect(exporter.expect(randoms[1]))
        #expect(!exporter.expect(randoms[2]))
        #expect(exporter.take(randoms[0]) == nil)
        #expect(exporter.count == 2)
        exporter.secretLogged(Self.line("EXPORTER_SECRET", secretBytes: 32, random: zeros))
        #expect(exporter.take(randoms[0]) == nil)
        #expect(exporter.count == 1)
        #expect(exporter.expect(randoms[2]))
    }
}
