import Hummingbird
public import NIOHTTP1
import XMPPServer

/// A module that is on the web too, where an HTTP listener serves its host.
public protocol WebModule: ServerModule {
    /// Adds what it answers to its host's site. Called once, before the first listener opens.
    func register(on site: inout WebSite.Builder)

    /// The site can be reached, at its address, from now on.
    func opened(_ site: WebSite)
}

extension WebModule {
    public func opened(_ site: WebSite) {}
}

/// A way by which a connection turns from HTTP to another protocol, RFC 9110 §7.8.
public struct WebUpgrade: Sendable {
    /// The path that is asked for, such as `/ws`.
    public let path: String
    /// Says which requests it takes, and takes the channel over, on which no handler of HTTP is left then. What it adds
    /// there must close the channel by itself: when the client does (`ChannelEvent.inputClosed`), and when the server
    /// stops. In the request that it is given, `X-Forwarded-For` is the client's address.
    public let upgrader: any NIOTypedHTTPServerProtocolUpgrader<Void>

    /// An upgrade at that path.
    public init(path: String, _ upgrader: any NIOTypedHTTPServerProtocolUpgrader<Void>) {
        self.path = path
        self.upgrader = upgrader
    }
}
