import NIOCore
import XML
import XMPP
import XMPPStream

/// A port where external components connect.
final class ComponentListener: ComponentDelegate {
    private let server: Server
    private let configuration: ComponentListenerConfiguration

    init(server: Server, configuration: ComponentListenerConfiguration) {
        self.server = server
        self.configuration = configuration
    }

    /// The port, which is not open yet.
    var port: BoundSocket {
        server.port(configuration.port, of: configuration.addresses, proxies: []) { [self] channel in
            let connection = StreamConnection(component: self, loop: server.loops.context(of: channel.eventLoop))
            try channel.pipeline.syncOperations.addHandler(connection)
        }
    }

    // MARK: Delegate

    var fallbackDomain: String { server.hosts.all.first?.domain ?? "" }
    /// The handshake is all that a stranger has to say.
    let unauthenticatedLimits = XMLLimits(stanzaBytes: 1024, depth: 4, attributes: 16, namespaces: 8)
    let signInTime = Duration.seconds(30)
    var tls: (any TLSProvider)? { nil }

    func component(_ domain: JID) -> (any StreamComponent)? {
        server.hosts.service(domain.domain) as? ComponentService
    }
}
