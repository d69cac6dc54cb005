public import NIOCore

/// A port of the configuration, and what is done with its connections.
public struct PortUse: Sendable {
    /// Its place in the configuration, such as `listeners[0]`, which identifies a port without a number.
    let place: String
    let addresses: [IPAddress]
    /// 0: any free one.
    let number: Int
    /// Proxies, whose clients are counted instead of them.
    let proxies: [CIDRBlock]
    /// Sets up the pipeline of an admitted connection. On the connection's loop.
    let accept: @Sendable (any Channel) throws -> Void

    /// - Parameters:
    ///   - proxies: connections from these are not counted by address; their clients must be, see
    ///     ``Server/admit(client:)``.
    ///   - accept: sets up an admitted connection, on its loop.
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
