import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Testing

@testable import XMPPStream

/// Compares with the exporter of another TLS implementation, over real connections.
@Suite("tls-exporter against OpenSSL", .enabled(if: OpenSSL.isPresent), .timeLimit(.minutes(10)))
struct TLSExporterInteropTests {
    @Test(
        "both sides have the same bytes",
        arguments: [
            ["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
            ["-ciphersuites", "TLS_AES_128_GCM_SHA256"],
            ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
            ["-groups", "P-521:P-256"],  // answered with a HelloRetryRequest
        ])
    func agreement(_ options: [String]) async throws {
        let outcome = try await handshake(options + ["-servername", "chat.example.org"])
        #expect(outcome.name == .named("chat.example.org"))
        #expect(outcome.client?.count == 32)
        #expect(outcome.client == outcome.server)
        #expect(outcome.entriesLeft == 0)
    }

    @Test("TLS 1.2 has none here")
    func olderVersion() async throws {
        let outcome = try await handshake(["-tls1_2", "-noservername"])
        #expect(outcome.name == .absent)
        #expect(outcome.server == nil)
        #expect(outcome.entriesLeft == 0)
    }

    private struct Outcome {
        var name: ServerName
        var server: [UInt8]?
        var client: [UInt8]?
        var entriesLeft: Int
    }

    private func handshake(_ options: [String]) async throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let key = folder.appending(path: "key.pem").path
        let certificate = folder.appending(path: "certificate.pem").path
        _ = try await OpenSSL.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=example.org", "-keyout", key, "-out", certificate,
        ])

        let exporter = TLSExporter()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        )
        configuration.keyLogCallback = { exporter.secretLogged($0) }
        let context = try NIOSSLContext(configuration: configuration)
        let group = MultiThreadedEventLoopGroup.singleton
        let completed = group.next().makePromise(of: (name: ServerName, data: [UInt8]?).self)
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let reader = ClientHelloReader(exporter: exporter)
                    try channel.pipeline.syncOperations.addHandlers([
                        reader, NIOSSLServerHandler(context: context), Completion(reader, completed),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let output = try await OpenSSL.run(
            [
                "s_client", "-connect", "127.0.0.1:\(port)", "-keymatexport", "EXPORTER-Channel-Binding",
                "-keymatexportlen", "32",
            ] + options)
        let server = try await completed.futureResult.get()
        try await listener.close()
        let line = output.split(separator: "\n").first { $0.contains("Keying material: ") }
        return Outcome(
            name: server.name,
            server: server.data,
            client: line?.split(separator: " ").last.map { Self.bytes(hexadecimal: $0) },
            entriesLeft: exporter.count
        )
    }

    private static func bytes(hexadecimal digits: Substring) -> [UInt8] {
        let nibbles = digits.compactMap(\.hexDigitValue)
        return stride(from: 0, to: nibbles.count - 1, by: 2).map { UInt8(nibbles[$0] << 4 | nibbles[$0 + 1]) }
    }

    private final class Completion: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let reader: ClientHelloReader
        let completed: EventLoopPromise<(name: ServerName, data: [UInt8]?)>

        init(_ reader: ClientHelloReader, _ completed: EventLoopPromise<(name: ServerName, data: [UInt8]?)>) {
            self.reader = reader
            self.completed = completed
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case TLSUserEvent.handshakeCompleted = event else { return }
            completed.succeed((reader.serverName, reader.takeChannelBinding()))
            context.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            completed.fail(ChannelError.eof)
        }
    }
}
