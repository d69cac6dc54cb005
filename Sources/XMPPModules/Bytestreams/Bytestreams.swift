import NIOCore
import Synchronization
import XMPPServer

/// The connections to the proxy, by the streams that they name.
final class Bytestreams: Sendable {
    private struct State {
        var waiting: [String: [BytestreamConnection]] = [:]
        var connections = 0
        var active: [JID: Int] = [:]
    }

    let limits: BytestreamLimits
    private let state = Mutex(State())

    init(_ limits: BytestreamLimits) {
        self.limits = limits
    }

    /// - Returns: false if there are too many connections.
    func begin() -> Bool {
        state.withLock { state in
            guard state.connections < limits.connections else { return false }
            state.connections += 1
            return true
        }
    }

    /// A connection that had begun is over.
    func end(_ connection: BytestreamConnection, named name: String?) {
        state.withLock { state in
            state.connections -= 1
            guard let name else { return }
            state.waiting[name]?.removeAll { $0 === connection }
            if state.waiting[name]?.isEmpty == true { state.waiting[name] = nil }
        }
    }

    /// A connection waits for the other one of its stream.
    ///
    /// - Returns: false if there are two already.
    func add(_ connection: BytestreamConnection, named name: String) -> Bool {
        state.withLock { state in
            let present = state.waiting[name, default: []]
            guard present.count < 2 else { return false }
            state.waiting[name] = present + [connection]
            return true
        }
    }

    /// Has a stream begin, if both its connections are there.
    ///
    /// - Returns: false if they are not, or the account has too many streams.
    func activate(_ name: String, by account: JID) async -> Bool {
        let pair = state.withLock { state -> [BytestreamConnection]? in
            guard let pair = state.waiting[name], pair.count == 2, state.active[account, default: 0] < limits.perAccount
            else { return nil }
            state.waiting[name] = nil
            state.active[account, default: 0] += 1
            return pair
        }
        guard let pair else { return false }
        for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] { one.pass(to: other) }
        pair[0].channel.closeFuture.whenComplete { [self] _ in ended(by: account) }
        return true
    }

    private func ended(by account: JID) {
        state.withLock { state in
            let count = state.active[account, default: 0] - 1
            state.active[account] = count > 0 ? count : nil
        }
    }
}
