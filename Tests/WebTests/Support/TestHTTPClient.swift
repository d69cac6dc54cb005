import NIOCore
import NIOPosix

/// A client that sends what it is told to, byte by byte; it has no opinion about HTTP.
final class TestHTTPClient: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(_ site: TestSite) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: site.port) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
            }
    }

    /// Sends the texts, each when an answer to the former one has begun, and returns all that comes until the server
    /// closes or has said the last words.
    func exchange(_ texts: [String], until last: String? = nil) async throws -> String {
        try await exchange(texts.map { Array($0.utf8) }, until: last)
    }

    func exchange(_ parts: [[UInt8]], until last: String? = nil) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            var iterator = inbound.makeAsyncIterator()
            var received = ""
            for (index, part) in parts.enumerated() {
                if index > 0, let bytes = try await iterator.next() { received += String(buffer: bytes) }
                try await outbound.write(ByteBuffer(bytes: part))
            }
            while last.map({ !received.contains($0) }) ?? true, let bytes = try await iterator.next() {
                received += String(buffer: bytes)
            }
            return received
        }
    }

    /// What comes back for one text until the server closes.
    static func answer(to text: String, of site: TestSite, until last: String? = nil) async throws -> String {
        try await TestHTTPClient(site).exchange([text], until: last)
    }
}
