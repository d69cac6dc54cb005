import NIOCore
import Synchronization

/// The open ports. A reload opens and closes only those that differ; the others stay open throughout.
final class PortTable: Sendable {
    fileprivate struct Key: Hashable {
        let address: IPAddress
        let number: Int
        /// Distinguishes ports without a number of their own.
        let place: String

        init(_ address: IPAddress, _ use: PortUse) {
            self.address = address
            number = use.number
            place = use.number == 0 ? use.place : ""
        }
    }

    /// A prepared change of the open ports.
    struct Change: Sendable {
        fileprivate var sockets: [Key: BoundSocket] = [:]
        fileprivate var opened: [BoundSocket] = []
        fileprivate var ended: [BoundSocket] = []
        /// Those of `ended` that were closed already, as they were in the way.
        fileprivate var closed: [BoundSocket] = []
    }

    private let group: any EventLoopGroup
    private let connections: ConnectionLimits
    private struct State {
        var sockets: [Key: BoundSocket] = [:]
        /// Whether no port is opened any more.
        var isClosed = false
    }

    private let state = Mutex(State())

    init(group: any EventLoopGroup, _ connections: ConnectionLimits) {
        self.group = group
        self.connections = connections
    }

    /// Binds the addresses that are not open yet; no connections are accepted on them before ``use(_:_:)``.
    ///
    /// - Throws: if one cannot be bound; then nothing has changed.
    func prepare(_ uses: [PortUse]) async throws(ServerError) -> Change {
        let present = state.withLock { $0.sockets }
        var change = Change()
        let wanted = Set(uses.flatMap { use in use.addresses.map { Key($0, use) } })
        change.ended = present.filter { !wanted.contains($0.key) }.map(\.value)
        for use in uses {
            // With port 0, all addresses get the number that the first one was given.
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

    /// A port that ends may be in the way of a new one, as `127.0.0.1` is of `::`.
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

    /// Puts the change into use.
    ///
    /// - Parameter uses: the ports that it was prepared for, with what is done with their connections.
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

    /// Undoes the preparation.
    func discard(_ change: Change) async {
        for socket in change.opened { await socket.close() }
        for socket in change.closed {
            // It was ours a moment ago; if another program has it now, the next reload reports that.
            guard (try? await socket.bind(on: group)) != nil else { continue }
            socket.resume()
        }
    }

    /// The addresses of ports, in order.
    func addresses(of uses: [PortUse]) -> [SocketAddress] {
        let sockets = state.withLock { $0.sockets }
        return uses.flatMap { use in use.addresses.compactMap { sockets[Key($0, use)]?.localAddress } }
    }

    /// The addresses of ports that a change has opened.
    func opened(by change: Change) -> [SocketAddress] { change.opened.compactMap(\.localAddress) }

    /// Closes all ports, and opens none any more.
    func close() async {
        let sockets = state.withLock { state in
            state.isClosed = true
            return exchange(&state.sockets, with: [:])
        }
        for socket in sockets.values { await socket.close() }
    }
}
