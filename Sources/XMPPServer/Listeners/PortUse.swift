public import NIOCore

/// A port of the configuration: where it is, and what is done with its connections.
public struct PortUse: Sendable {
    /// Where it stands in the configuration, such as `listeners[0]`: so it is known again where it has no number of its own.
    let place: String
    let addresses: [IPAddress]
    /// 0: any that is free.
    let number: Int
    /// Those whose connections are for others, who are counted in their place.
    let proxies: [CIDRBlock]
    /// Sets up the pipeline of a connection that the limits have admitted. On the connection's loop.
    let accept: @Sendable (any Channel) throws -> Void

    /// - Parameters:
    ///   - proxies: those whose connections are not counted by their address; what is asked on them has to be, see
    ///     ``Server/admit(client:)``.
    ///   - accept: sets up a connection that the limits have admitted, on its loop.
    public init(
        _ place: String, _ addresses: [IPAddress], port: Int, proxies: [CIDRBlock] = [],
        accept: @escaping @Sendable (any Channel) throws -> Void
    ) {
        self.place = place
        self.addresses = addresses
        number = port
        self.proxies = proxies
        self.accept = accept
    }
}
