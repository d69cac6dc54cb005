import NIOCore

extension IPAddress {
    /// The address of a peer; `nil` for a Unix socket, or where there is no socket.
    public init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress else { return nil }
        self.init(text)
    }
}
