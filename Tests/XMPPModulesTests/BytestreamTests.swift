import NIOCore
import NIOPosix
import TestKit
import Testing
import XMPPServer

@testable import XMPPModules

/// What goes through the proxy, XEP-0065. What it is asked is in `0065-proxy.xmpp`.
@Suite struct BytestreamTests {
    private static let romeo = JID("romeo@localhost")!
    private static let name = BytestreamProxy.name(
        "s1", from: JID("romeo@localhost/pc")!, to: JID("juliet@localhost/pc")!)

    /// A client of the proxy.
    private final class Client: Sendable {
        private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

        /// - Parameter receiveBuffer: bytes that may wait for it in the kernel; nil: as usual.
        init(_ address: SocketAddress, receiveBuffer: Int? = nil) async throws {
            var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.allowRemoteHalfClosure, value: true)
            if let receiveBuffer {
                bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
            }
            channel = try await bootstrap.connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        }

        /// Sends what is to be sent and closes that half; returns all that comes.
        ///
        /// - Parameters:
        ///   - pause: how often it lets others run before it reads on.
        ///   - then: called when so many bytes have come.
        func exchange(
            _ bytes: [UInt8], closes: Bool = true, pause: Int = 0, when count: Int = 0,
            then: @escaping @Sendable () async -> Void = {}
        ) async throws -> [UInt8] {
            try await channel.executeThenClose { inbound, outbound in
                let sent = channel.channel.eventLoop.makePromise(of: Void.self)
                channel.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: sent)
                var received: [UInt8] = []
                var isTold = false
                do {
                    for try await chunk in inbound {
                        received += chunk.readableBytesView
                        if received.count >= count, !isTold {
                            isTold = true
                            await then()
                            // If the other one says no more, the connection is closed, and what is not written is lost.
                            await withCheckedContinuation { written in
                                sent.futureResult.whenComplete { _ in written.resume() }
                            }
                            if closes { outbound.finish() }
                        }
                        for _ in 0..<pause { await Task.yield() }
                    }
                } catch let error as IOError where error.errnoCode == ECONNRESET {
                    // A connection that is refused with bytes on their way ends so.
                }
                return received
            }
        }
    }

    private static func greeting(_ name: String = name) -> [UInt8] {
        [5, 1, 0, 5, 1, 0, 3, 40] + Array(name.utf8) + [0, 0]
    }

    private static let reply: [UInt8] = [5, 0, 5, 0, 0, 3, 40] + Array(name.utf8) + [0, 0]

    private static func run(
        _ settings: String = "", _ body: (BytestreamProxy, SocketAddress) async throws -> Void
    ) async throws {
        let proxy = "bytestream-proxy: {port: 0, addresses: [\"127.0.0.1\"]\(settings)}"
        let server = try await TestServer(
            TestConfiguration(hosts: [.init("localhost", profile: "standard", settings: ["modules: {\(proxy)}"])]),
            transport: .tcp)
        do {
            let host = try #require(server.server.hosts["localhost"])
            let module = try #require(host.modules.lazy.compactMap { $0 as? BytestreamProxy }.first)
            let address = try #require(server.server.addresses(of: [module.port]).first)
            try await body(module, address)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test func whatOneSendsGoesToTheOther() async throws {
        try await Self.run { proxy, address in
            let (target, requester) = (try await Client(address), try await Client(address))
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8) }
            let activated: @Sendable () async -> Void = {
                while await !proxy.streams.activate(Self.name, by: Self.romeo) { await Task.yield() }
            }
            // What is sent before the stream begins arrives, too.
            async let one = target.exchange(Self.greeting() + Array("early".utf8), when: Self.reply.count)
            async let other = requester.exchange(Self.greeting() + bytes, when: Self.reply.count, then: activated)
            let (received, answered) = (try await one, try await other)
            #expect(received.count == Self.reply.count + bytes.count)
            #expect(received.elementsEqual(Self.reply + bytes))
            #expect(answered == Self.reply + Array("early".utf8))
        }
    }

    /// A client that says no more gets all that the other one has said before that one went, however slowly it reads.
    @Test func aSlowClientThatSaysNoMoreGetsAll() async throws {
        try await Self.run { proxy, address in
            let (target, requester) = (try await Client(address, receiveBuffer: 8192), try await Client(address))
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8) }
            async let slow = target.exchange(Self.greeting(), pause: 20, when: Self.reply.count)
            async let fast = requester.exchange(Self.greeting() + bytes, when: Self.reply.count) {
                while await !proxy.streams.activate(Self.name, by: Self.romeo) { await Task.yield() }
            }
            let (received, answered) = (try await slow, try await fast)
            #expect(received.count == Self.reply.count + bytes.count)
            let isWhole = received.elementsEqual(Self.reply + bytes)
            #expect(isWhole)
            #expect(answered == Self.reply)
        }
    }

    @Test func nothingPassesBeforeItIsLetGo() async throws {
        try await Self.run(", wait-time: 6s") { proxy, address in
            let (target, requester) = (try await Client(address), try await Client(address))
            async let one = target.exchange(Self.greeting() + Array("secret".utf8), closes: false)
            async let other = requester.exchange(Self.greeting() + Array("secret".utf8), closes: false)
            #expect(try await one == Self.reply)
            #expect(try await other == Self.reply)
            #expect(await !proxy.streams.activate(Self.name, by: Self.romeo))
        }
    }

    @Test(
        arguments: [
            ([4, 1, 0], []), ([5, 1, 2], [5, 0xFF]),
            ([5, 1, 0, 5, 2, 0, 3, 40], [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]),
            ([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80], [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]),
            (Array(repeating: 5, count: 7), [5, 0xFF]),
        ] as [([UInt8], [UInt8])])
    func whoeverSaysSomethingElseIsRefused(_ said: [UInt8], _ answer: [UInt8]) async throws {
        try await Self.run { _, address in
            let received = try await Client(address).exchange(said, closes: false)
            #expect(received == answer)
        }
    }

    @Test func aThirdConnectionIsRefused() async throws {
        try await Self.run { proxy, address in
            let clients = [try await Client(address), try await Client(address)]
            let (named, name) = AsyncStream.makeStream(of: Void.self)
            let streams = clients.map { client in
                Task { try await client.exchange(Self.greeting(), when: Self.reply.count) { name.yield() } }
            }
            var iterator = named.makeAsyncIterator()
            for _ in clients { await iterator.next() }
            let third = try await Client(address).exchange(Self.greeting(), closes: false)
            #expect(third == [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
            // The two are not disturbed: their stream begins, and as both have said all, it ends.
            #expect(await proxy.streams.activate(Self.name, by: Self.romeo))
            for stream in streams { #expect(try await stream.value == Self.reply) }
        }
    }

    @Test func noMoreConnectionsThanAllowed() async throws {
        try await Self.run(", connections: 2, wait-time: 6s") { _, address in
            let clients = [try await Client(address), try await Client(address), try await Client(address)]
            var answers: [[UInt8]] = []
            try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
                for client in clients { tasks.addTask { try await client.exchange([5, 1, 0], closes: false) } }
                for try await answer in tasks { answers.append(answer) }
            }
            #expect(answers.count { $0.isEmpty } == 1)
        }
    }
}
