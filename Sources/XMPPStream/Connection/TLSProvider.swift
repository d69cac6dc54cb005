import NIOCore

/// Provides TLS for connections. A connection uses one provider throughout.
public protocol TLSProvider: AnyObject, Sendable {
    /// Gets the exporter secrets logged by the TLS configuration of `makeTLSHandler`.
    var exporter: TLSExporter { get }
    func makeTLSHandler() -> any ChannelHandler
    /// The tls-server-end-point binding of the certificate for a client that names this host.
    func serverEndPoint(for name: ServerName) -> [UInt8]?
}
