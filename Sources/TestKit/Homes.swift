import Synchronization
import XMPPServer

/// The homes of a test's accounts, on servers of one process that share a store, and the ways between the servers.
final class Homes: Sendable {
    /// What becomes of what crosses.
    enum Ways {
        case open
        /// Nothing is taken.
        case refusing
        /// What is taken arrives nowhere.
        case losing
        /// Nothing that is said of a stanza arrives.
        case losingAnswers
    }

    private struct State {
        var homes: [JID: Int] = [:]
        var routers: [StanzaRouter] = []
        var ways = Ways.open
    }

    private let state = Mutex(State())

    /// Gives an account a home. Whatever has none is at home at the first server: services, and whoever is made meanwhile.
    func assign(_ account: JID, to home: Int) { state.withLock { $0.homes[account.bare] = home } }

    /// The number of the server that is an address's home.
    func home(of address: JID) -> Int { state.withLock { $0.homes[address.bare] ?? 0 } }

    /// The servers, in the order of their numbers. They take the places of those before them.
    func use(_ servers: [Server]) { state.withLock { $0.routers = servers.map(\.router) } }

    var ways: Ways {
        get { state.withLock { $0.ways } }
        set { state.withLock { $0.ways = newValue } }
    }

    fileprivate func router(_ node: Int) -> StanzaRouter? {
        state.withLock { $0.routers.indices.contains(node) ? $0.routers[node] : nil }
    }
}

/// What one of the servers knows of the homes.
struct HomePlacement: Placement {
    let node: Int
    private let homes: Homes
    private let routes: [MemoryRoute]

    init(node: Int, of count: Int, _ homes: Homes) {
        self.node = node
        self.homes = homes
        routes = (0..<count).map { MemoryRoute(from: node, to: $0, homes) }
    }

    var others: [any RemoteRoute] { routes.enumerated().filter { $0.offset != node }.map(\.element) }

    func route(to address: JID) -> (any RemoteRoute)? {
        let home = homes.home(of: address)
        return home == node ? nil : routes[home]
    }
}

/// A way from one server to another in memory. What it carries is copied by value, and handled on the other server's loops.
final class MemoryRoute: RemoteRoute {
    private let (from, to): (Int, Int)
    private let homes: Homes

    init(from: Int, to: Int, _ homes: Homes) {
        (self.from, self.to) = (from, to)
        self.homes = homes
    }

    func send(_ item: RemoteItem) -> Bool {
        guard let router = homes.router(to) else { return false }
        switch (homes.ways, item) {
        case (.refusing, .stanza): return false
        case (.losing, _), (.losingAnswers, .accepted), (.losingAnswers, .answered): return true
        case (.open, _), (.refusing, _), (.losingAnswers, .stanza), (.losingAnswers, .componentConnected): break
        }
        router.received(item, by: MemoryRoute(from: to, to: from, homes))
        return true
    }
}
