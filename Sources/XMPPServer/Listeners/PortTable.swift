import NIOCore
import Synchronization

/// The ports that are open. They become others by what differs: a port that stays is not closed for a moment.
final class PortTable: Sendable {
    fileprivate struct Key: Hashable {
        let address: IPAddress
        let number: Int
        /// Tells ports apart that have no number of their own.
        let place: String

        init(_ address: IPAddress, _ use: PortUse) {
            self.address = address
            number = use.number
            place = use.number == 0 ? use.place : ""
        }
    }

    /// What is ready to take the place of what is open.
    struct Change: Sendable {
        fileprivate var sockets: [Key: BoundSocket] = [:]
        fileprivate var opened: [BoundSocket] = []
        fileprivate var ended: [BoundSocket] = []
        /// Those of the latter that were in the way.
        fileprivate var closed: [BoundSocket] = []
    }

    private let group: any EventLoopGroup
    private let connections: ConnectionLimits
    private struct State {
        var sockets: [Key: BoundSocket] = [:]
        /// No port is opened any more.
        var isClosed = false
    }

    private let state = Mutex(State())

    init(group: any EventLoopGroup, _ connections: ConnectionLimits) {
        self.group = group
        self.connections = connections
    }

    /// Takes the addresses that are not open yet; no connection is taken on them before ``use(_:_:)``.
    ///
    /// - Throws: if one cannot be had. Then all is as it was.
    func prepare(_ uses: [PortUse]) async throws(ServerError) -> Change {
        let present = state.withLock { $0.sockets }
        var change = Change()
        let wanted = Set(uses.flatMap { use in use.addresses.map { Key($0, use) } })
        change.ended = present.filter { !wanted.contains($0.key) }.map(\.value)
        for use in uses {
            // With port 0 all addresses get the port that the first one was given.
            var number = use.number
            for address in use.addresses {
                let key = Key(address, use)
                let socket = present[key] ?? BoundSocket(address, number, use, connections)
                if present[key] == nil {
                    do throws(BindError) {
                        try await bind(socket, &change)
                    } catch {
                        await discard(change)
                        throw ServerError(error.description)
                    }
                    change.opened.append(socket)
                }
                change.sockets[key] = socket
                if number == 0 { number = socket.localAddress?.port ?? 0 }
            }
        }
        return change
    }

    /// A port that ends may be in the way of one that begins, as `127.0.0.1` is of `::`.
    private func bind(_ socket: BoundSocket, _ change: inout Change) async throws(BindError) {
        do throws(BindError) {
            try await socket.bind(on: group)
        } catch {
            let inTheWay = change.ended.filter { $0.localAddress?.port == socket.number }
            guard error.isInUse, !inTheWay.isEmpty else { throw error }
            change.closed += inTheWay
            for other in inTheWay { await other.close() }
            try await socket.bind(on: group)
        }
    }

    /// Goes by the change from now on.
    ///
    /// - Parameter uses: those that it was prepared for, with what is done with their connections now.
    func use(_ change: Change, _ uses: [PortUse]) async {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.sockets = change.sockets }
            return state.isClosed
        }
        guard !isClosed else {
            for socket in change.opened { await socket.close() }
            return
        }
        for use in uses {
            for address in use.addresses { change.sockets[Key(address, use)]?.begin(use) }
        }
        for socket in change.ended { await socket.close() }
    }

    /// Leaves all as it was.
    func discard(_ change: Change) async {
        for socket in change.opened { await socket.close() }
        for socket in change.closed {
            // It was ours a moment ago; who has taken it since keeps it, and the next reload says so.
            guard (try? await socket.bind(on: group)) != nil else { continue }
            socket.resume()
        }
    }

    /// Where a port is listened on, in the order of its addresses.
    func addresses(of uses: [PortUse]) -> [SocketAddress] {
        let sockets = state.withLock { $0.sockets }
        return uses.flatMap { use in use.addresses.compactMap { sockets[Key($0, use)]?.localAddress } }
    }

    /// Where the ports are listened on that a change has opened.
    func opened(by change: Change) -> [SocketAddress] { change.opened.compactMap(\.localAddress) }

    /// Closes them all, and opens none any more.
    func close() async {
        let sockets = state.withLock { state in
            state.isClosed = true
            return exchange(&state.sockets, with: [:])
        }
        for socket in sockets.values { await socket.close() }
    }
}
