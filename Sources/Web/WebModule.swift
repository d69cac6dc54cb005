public import HTTPTypes
import Hummingbird
public import NIOCore
public import XMPPServer

/// A module that is on the web too, where an HTTP listener serves its host.
public protocol WebModule: ServerModule {
    /// Adds what it answers to its host's site. Called before the first listener opens, and again when the site is built anew
    /// as its host has other modules or settings.
    func register(on site: inout WebSite.Builder)

    /// The site can be reached, at its address, from now on. Called when it has been built.
    func opened(_ site: WebSite)

    /// The site is about to close: requests that are held back are to be answered.
    func closing()
}

extension WebModule {
    public func opened(_ site: WebSite) {}
    public func closing() {}
}

/// A way by which a connection turns from HTTP to another protocol, RFC 9110 §7.8.
public struct WebUpgrade: Sendable {
    /// The path that is asked for, such as `/ws`.
    public let path: String
    /// The fields of the answer with which the protocol changes; `nil`: the request is answered like any other.
    let agree: @Sendable (HTTPRequest) -> HTTPFields?
    /// Takes the channel over, on which no handler of HTTP is left then. What it adds there must close the channel by
    /// itself: when the client does (`ChannelEvent.inputClosed`), and when the server stops.
    let takeOver: @Sendable (any Channel, IPAddress?) throws -> Void

    /// An upgrade at that path.
    ///
    /// - Parameters:
    ///   - agree: says which requests it takes: the fields of the answer with which the protocol changes, or `nil` for a
    ///     request that is to be answered like any other.
    ///   - takeOver: takes the channel over, on its loop; with the client's address, as far as it is known.
    public init(
        path: String, agree: @escaping @Sendable (HTTPRequest) -> HTTPFields?,
        takeOver: @escaping @Sendable (any Channel, IPAddress?) throws -> Void
    ) {
        self.path = path
        self.agree = agree
        self.takeOver = takeOver
    }
}
