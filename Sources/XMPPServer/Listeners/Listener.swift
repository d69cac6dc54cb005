import NIOCore
import XMPPStream

/// A port on which clients connect.
final class Listener: Sendable {
    private let server: Server
    private let configuration: ListenerConfiguration
    private let streams: ClientStreams

    init(server: Server, configuration: ListenerConfiguration) {
        self.server = server
        self.configuration = configuration
        streams = ClientStreams(
            server: server, domains: configuration.hosts, redirect: configuration.redirect,
            offersTLS: server.tls != nil)
    }

    /// The port, which is not open yet.
    var port: Port {
        server.port(configuration.port, of: configuration.addresses) { [self] in try begin($0) }
    }

    /// Puts a new connection in the care of a stream.
    private func begin(_ channel: any Channel) throws {
        let stream = StreamHandler(delegate: streams, loop: server.loops.context(of: channel.eventLoop))
        let pipeline = channel.pipeline.syncOperations
        switch configuration.tls {
        case .starttls:
            break
        case .direct:
            try pipeline.addHandlers(stream.makeTLSHandlers())
        case .either where server.tls != nil:
            try pipeline.addHandler(FirstByteHandler(stream))
        case .either:
            break
        }
        try pipeline.addHandler(stream)
    }
}
