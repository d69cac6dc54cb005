import NIOCore
import Synchronization
import XMPPStream

/// Limits the open connections, in total and per address.
final class ConnectionLimits: Sendable {
    private struct Counts {
        var limits: ServerLimits
        var total = 0
        var byAddress: [CIDRBlock: Int] = [:]
    }

    private let counts: Mutex<Counts>

    init(_ limits: ServerLimits) { counts = Mutex(Counts(limits: limits)) }

    /// Changes the limits; open connections stay.
    func use(_ limits: ServerLimits) { counts.withLock { $0.limits = limits } }

    var acceptsPerSecond: Int { counts.withLock { $0.limits.acceptsPerSecond } }

    /// Counts a connection for its lifetime; false: there are too many.
    ///
    /// - Parameter isProxy: whether it comes from a proxy: then it is counted by address once its client is known.
    func admit(_ channel: any Channel, isProxy: Bool = false) -> Bool {
        let address = isProxy ? nil : IPAddress(channel.remoteAddress)
        guard admit(address) else { return false }
        channel.closeFuture.whenComplete { _ in self.release(address) }
        return true
    }

    /// Counts a connection; false: there are too many.
    func admit(_ address: IPAddress?) -> Bool {
        counts.withLock { counts in
            if counts.limits.connections > 0, counts.total >= counts.limits.connections { return false }
            if let address, !take(address, &counts) { return false }
            counts.total += 1
            return true
        }
    }

    func release(_ address: IPAddress?) {
        counts.withLock { counts in
            counts.total -= 1
            if let address { giveBack(address, &counts) }
        }
    }

    /// Counts a client behind a proxy by its address; false: there are too many.
    func admit(client address: IPAddress) -> Bool { counts.withLock { take(address, &$0) } }

    func release(client address: IPAddress) { counts.withLock { giveBack(address, &$0) } }

    private func take(_ address: IPAddress, _ counts: inout Counts) -> Bool {
        let open = counts.byAddress[address.client, default: 0]
        let most = counts.limits.connectionsPerAddress
        guard most == 0 || open < most else { return false }
        counts.byAddress[address.client] = open + 1
        return true
    }

    private func giveBack(_ address: IPAddress, _ counts: inout Counts) {
        guard let open = counts.byAddress[address.client] else { return }
        counts.byAddress[address.client] = open > 1 ? open - 1 : nil
    }
}

/// Limits the connections that a listener accepts per second; the others wait in the system's queue.
final class AcceptLimit: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private var rate: RateLimit?
    private let limits: ConnectionLimits
    private var perSecond = 0
    private var isDelayed = false

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if exchange(&perSecond, with: limits.acceptsPerSecond) != perSecond { rate = nil }
        if perSecond > 0 {
            let now = context.eventLoop.now
            var limit = rate ?? RateLimit(perSecond: perSecond, burst: perSecond, now: now)
            if let wait = limit.take(1, now: now) { delay(context, wait) }
            rate = limit
        }
        context.fireChannelRead(data)
    }

    private func delay(_ context: ChannelHandlerContext, _ wait: TimeAmount) {
        guard !isDelayed else { return }
        isDelayed = true
        context.eventLoop.assumeIsolated().scheduleTask(in: wait) {
            self.isDelayed = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if !isDelayed { context.read() }
    }
}
