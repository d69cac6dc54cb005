import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Synchronization
import XMPPServer

/// A browser's or an app's connection. Its first request decides what becomes of it: more requests, or another protocol.
final class HTTPConnection: HTTPChannelHandler {
    /// What becomes of a connection.
    enum Value: ServerChildChannelValue {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case upgraded(any Channel)

        var channel: any Channel {
            switch self {
            case .http(let connection): connection.channel
            case .upgraded(let channel): channel
            }
        }
    }

    private struct State {
        var isServing = false
        var ended: (@Sendable () -> Void)?
    }

    /// How long the first request may take, and how long there may be none.
    private static let idleTime = TimeAmount.seconds(60)

    let channel: any Channel
    let responder: Responder
    private let web: WebResponder
    private let state = Mutex(State())

    init(_ channel: any Channel, _ web: WebResponder) {
        self.channel = channel
        self.web = web
        responder = { request, writer, channel in
            let response = await web.respond(to: request, channel)
            try await writer.write(response: response.head, body: response.body)
        }
    }

    /// Called when the connection is no connection of HTTP any more.
    var ended: (@Sendable () -> Void)? {
        get { state.withLock { $0.ended } }
        set { state.withLock { $0.ended = newValue } }
    }

    /// Begins to read; on the loop.
    func begin() {
        let first = channel.eventLoop.assumeIsolated().scheduleTask(in: Self.idleTime) { [channel] in
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { [self] _ in finish() }
        let logger = Logger(label: "swallowtail.web") { _ in SwiftLogNoOpLogHandler() }
        setup(channel: channel, logger: logger).whenComplete { [self] result in
            first.cancel()
            guard case .success(let value) = result else {
                channel.close(promise: nil)
                return
            }
            state.withLock { $0.isServing = true }
            Task { await handle(value: value, logger: logger) }
        }
    }

    private func finish() {
        let ended = state.withLock { exchange(&$0.ended, with: nil) }
        ended?()
    }

    /// Ends it when the request that it is about has been answered, or when patience ends.
    func stop() {
        let isServing = state.withLock { $0.isServing }
        guard isServing else {
            channel.close(promise: nil)
            return
        }
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        let alarm = channel.eventLoop.scheduleTask(in: WebService.patience) { [channel] in channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in alarm.cancel() }
    }

    // MARK: Child channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let upgrades = NIOTypedHTTPServerUpgradeConfiguration<Value>(
            upgraders: [UpgradeByPath(web: web)],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
                    try pipeline.addHandler(
                        HTTPConnectionStateHandler(idleTimeout: .nanoseconds(Self.idleTime.nanoseconds), logger: logger)
                    )
                    return .http(
                        try NIOAsyncChannel(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true)))
                }
            })
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrades)
        configuration.decoderConfiguration.maxHeaderListSize = 16 * 1024
        configuration.decoderConfiguration.maxHeaderFieldSize = 8 * 1024
        configuration.decoderConfiguration.maxHeaderFieldCount = 100
        do {
            return try channel.pipeline.syncOperations
                .configureUpgradableHTTPServerPipeline(configuration: configuration)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    func handle(value: Value, logger: Logger) async {
        switch value {
        case .http(let connection): await handleHTTP(asyncChannel: connection, logger: logger)
        case .upgraded: finish()
        }
    }
}

/// Upgrades to WebSocket, RFC 6455, which is the only protocol that browsers ask for, where the site has one at the path.
private struct UpgradeByPath: NIOTypedHTTPServerProtocolUpgrader {
    let web: WebResponder

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    struct NoSuchPath: Error {}

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        guard let upgrader = web.upgrade(upgradeRequest)?.upgrader else {
            return channel.eventLoop.makeFailedFuture(NoSuchPath())
        }
        return upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<HTTPConnection.Value> {
        guard let upgrader = web.upgrade(upgradeRequest)?.upgrader else {
            return channel.eventLoop.makeFailedFuture(NoSuchPath())
        }
        // What is said there from now on is true: the client's address, where it is not the connection's.
        var head = upgradeRequest
        head.headers.remove(name: "X-Forwarded-For")
        if let client = web.client(upgradeRequest, channel) {
            head.headers.add(name: "X-Forwarded-For", value: client.description)
        }
        return upgrader.upgrade(channel: channel, upgradeRequest: head).map { .upgraded(channel) }
    }
}
