import NIOCore
import XMPPStream

/// Listeners for streams.
extension Server {
    /// The ports for clients and components. Their streams use the hosts of the moment of this call.
    func streamPorts(of configuration: ServerConfiguration) -> [PortUse] {
        configuration.listeners.enumerated().map { listener($1, "listeners[\($0)]").port }
            + configuration.componentListeners.enumerated().map {
                componentListener($1, "component-listeners[\($0)]").port
            }
    }

    private func listener(_ configuration: ListenerConfiguration, _ place: String) -> Listener {
        let streams = clientStreams(
            of: configuration.hosts, configuration.redirect, offersTLS: certificates.streams != nil)
        return Listener(configuration, place, streams: streams, loops: loops, connections: connections)
    }

    private func componentListener(
        _ configuration: ComponentListenerConfiguration, _ place: String
    ) -> ComponentListener {
        ComponentListener(configuration, place, hosts: hosts, loops: loops)
    }

    private func clientStreams(
        of domains: [String]?, _ redirect: RedirectConfiguration?, offersTLS: Bool
    ) -> ClientStreamDelegate {
        ClientStreamDelegate(
            hosts.all.filter { domains?.contains($0.domain) ?? true }, authenticator: authenticator,
            certificates: certificates, redirect: redirect, offersTLS: offersTLS)
    }

    /// Makes the streams for connections by HTTP.
    ///
    /// - Parameters:
    ///   - domains: the served domains; nil: all.
    ///   - redirect: where clients are redirected; nil: they are served here.
    public func webStreams(of domains: [String]? = nil, redirect: RedirectConfiguration? = nil) -> WebStreams {
        WebStreams(loops: loops, connections: connections) { [self] in
            clientStreams(of: domains, redirect, offersTLS: false)
        }
    }

    /// Counts a client behind a proxy as a connection of its address, until it is released.
    ///
    /// - Returns: false if there are too many.
    public func admit(client address: IPAddress) -> Bool { connections.admit(client: address) }

    public func release(client address: IPAddress) { connections.release(client: address) }

    /// Serves a connection made elsewhere, such as in a test.
    public func accept(_ channel: any Channel, on configuration: ListenerConfiguration) throws {
        try listener(configuration, "").port.admit(channel, connections)
    }

    /// The same for an external component.
    public func acceptComponent(_ channel: any Channel) throws {
        guard let configuration = configuration.componentListeners.first else {
            throw ServerError("there is no listener for components")
        }
        try componentListener(configuration, "").port.admit(channel, connections)
    }
}
