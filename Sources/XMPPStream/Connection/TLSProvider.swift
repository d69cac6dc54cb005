import NIOCore

/// Puts connections on TLS. A connection that has begun with one asks no other.
public protocol TLSProvider: AnyObject, Sendable {
    /// Where the TLS configuration of `makeTLSHandler` logs its exporter secrets.
    var exporter: TLSExporter { get }
    func makeTLSHandler() -> any ChannelHandler
    /// The tls-server-end-point binding of the certificate that is shown to a client that names this host.
    func serverEndPoint(for name: ServerName) -> [UInt8]?
}
