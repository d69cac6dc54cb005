import NIOCore
import XML
import XMPP
import XMPPStream

/// A port where external components connect.
final class ComponentListener: ComponentDelegate {
    private let server: Server
    private let configuration: ComponentListenerConfiguration
    private let place: String

    /// - Parameter place: where it stands in the configuration.
    init(server: Server, _ configuration: ComponentListenerConfiguration, _ place: String) {
        self.server = server
        self.configuration = configuration
        self.place = place
    }

    var port: PortUse {
        PortUse(place, configuration.addresses, port: configuration.port) { [self] channel in
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
