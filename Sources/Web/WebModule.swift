public import HTTPTypes
import Hummingbird
public import NIOCore
public import XMPPServer

/// A module with a part on the web, where an HTTP listener serves its host.
public protocol WebModule: ServerModule {
    /// Adds routes to its host's site. Called before the first listener opens, and again when the site is rebuilt for
    /// other modules or settings.
    func register(on site: inout WebSite.Builder)

    /// The site is reachable at its address. Called when it has been built.
    func opened(_ site: WebSite)

    /// The site is about to close: held requests must be answered.
    func closing()
}

extension WebModule {
    public func opened(_ site: WebSite) {}
    public func closing() {}
}

/// An upgrade from HTTP to another protocol, RFC 9110 §7.8.
public struct WebUpgrade: Sendable {
    /// Its path, such as `/ws`.
    public let path: String
    /// The fields of the answer that switches protocols; nil: the request is answered like any other.
    let agree: @Sendable (HTTPRequest) -> HTTPFields?
    /// Takes over the channel, which has no HTTP handlers any more. Its handlers must close the channel themselves:
    /// when the client does (`ChannelEvent.inputClosed`), and when the server stops.
    let takeOver: @Sendable (any Channel, IPAddress?) throws -> Void

    /// An upgrade at that path.
    ///
    /// - Parameters:
    ///   - agree: returns the fields of the answer that switches protocols, or nil for a request that is answered like
    ///     any other.
    ///   - takeOver: takes over the channel, on its loop; with the client's address, if known.
    public init(
        path: String, agree: @escaping @Sendable (HTTPRequest) -> HTTPFields?,
        takeOver: @escaping @Sendable (any Channel, IPAddress?) throws -> Void
    ) {
        self.path = path
        self.agree = agree
        self.takeOver = takeOver
    }
}
