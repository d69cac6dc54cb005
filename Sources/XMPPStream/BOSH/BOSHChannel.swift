import NIOCore
import Synchronization

/// The channel of a BOSH session, which has no socket; a stream's handlers work on it as on a socket. What they write
/// goes to the session, message by message.
final class BOSHChannel: Channel, ChannelCore, @unchecked Sendable {
    /// The session. Called on the loop.
    protocol Owner: AnyObject {
        /// The promise succeeds when a response carries the message.
        func written(_ message: ByteBuffer, _ promise: EventLoopPromise<Void>?)
        func flushed()
        /// The stream can take more input.
        func readRequested()
        func closed()
    }

    let eventLoop: any EventLoop
    let remoteAddress: SocketAddress?
    let allocator = ByteBufferAllocator()
    private let closePromise: EventLoopPromise<Void>
    private let activity = Atomic<Bool>(true)
    private let writability = Atomic<Bool>(true)
    /// Set in `init`. It releases the channel when the handlers are removed.
    private var ownPipeline: ChannelPipeline!
    weak var owner: (any Owner)?

    init(eventLoop: any EventLoop, remoteAddress: SocketAddress?) {
        self.eventLoop = eventLoop
        self.remoteAddress = remoteAddress
        closePromise = eventLoop.makePromise()
        ownPipeline = ChannelPipeline(channel: self)
    }

    var pipeline: ChannelPipeline { ownPipeline }
    var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    var localAddress: SocketAddress? { nil }
    var parent: (any Channel)? { nil }
    var isActive: Bool { activity.load(ordering: .relaxed) }
    var isWritable: Bool { writability.load(ordering: .relaxed) }
    var _channelCore: any ChannelCore { self }

    /// Sets whether the session takes more output; on the loop.
    func setWritable(_ isWritable: Bool) {
        guard isActive, writability.exchange(isWritable, ordering: .relaxed) != isWritable else { return }
        pipeline.fireChannelWritabilityChanged()
    }

    // MARK: Options: there are none

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: Core

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isActive else { return fail(promise, .ioOnClosedChannel) }
        guard let owner else { return fail(promise, .ioOnClosedChannel) }
        owner.written(unwrapData(data, as: ByteBuffer.self), promise)
    }

    func flush0() { owner?.flushed() }
    func read0() { owner?.readRequested() }

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard activity.exchange(false, ordering: .relaxed) else { return fail(promise, .alreadyClosed) }
        owner?.closed()
        pipeline.fireChannelInactive()
        pipeline.fireChannelUnregistered()
        promise?.succeed()
        eventLoop.execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed()
        }
    }

    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }

    func remoteAddress0() throws -> SocketAddress {
        guard let remoteAddress else { throw ChannelError.operationUnsupported }
        return remoteAddress
    }

    func register0(promise: EventLoopPromise<Void>?) { fail(promise, .operationUnsupported) }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { fail(promise, .operationUnsupported) }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { fail(promise, .operationUnsupported) }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { fail(promise, .operationUnsupported) }

    private func fail(_ promise: EventLoopPromise<Void>?, _ error: ChannelError) { promise?.fail(error) }
}
