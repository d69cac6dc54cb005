import Glibc
import NIOCore
import XML
import XMPP
import XMPPStream

/// A port where external components connect.
final class ComponentListener: ComponentDelegate {
    private let hosts: HostTable
    private let loops: LoopTable
    private let configuration: ComponentListenerConfiguration
    private let place: String

    /// - Parameter place: its place in the configuration.
    init(_ configuration: ComponentListenerConfiguration, _ place: String, hosts: HostTable, loops: LoopTable) {
        self.hosts = hosts
        self.loops = loops
        self.configuration = configuration
        self.place = place
    }

    var port: PortUse {
        PortUse(place, configuration.addresses, port: configuration.port) { [self] channel in
            Self.noticeLoss(of: channel)
            let connection = StreamConnection(component: self, loop: loops.context(of: channel.eventLoop))
            try channel.pipeline.syncOperations.addHandler(connection)
        }
    }

    /// The protocol does not show that a component's machine is gone, so TCP probes after a minute of silence.
    private static func noticeLoss(of channel: any Channel) {
        // A test's channel may be no socket.
        guard channel is any SocketOptionProvider else { return }
        _ = channel.setOption(.socketOption(.so_keepalive), value: 1)
        for (name, seconds) in [(TCP_KEEPIDLE, 60), (TCP_KEEPINTVL, 15), (TCP_KEEPCNT, 4)] {
            _ = channel.setOption(.tcpOption(.init(rawValue: name)), value: seconds)
        }
    }

    // MARK: Delegate

    var fallbackDomain: String { hosts.all.first?.domain ?? "" }
    /// Before the handshake nothing large is expected.
    let unauthenticatedLimits = XMLLimits(stanzaBytes: 1024, depth: 4, attributes: 16, namespaces: 8)
    let signInTime = Duration.seconds(30)
    var tls: (any TLSProvider)? { nil }

    func component(_ domain: JID) -> (any StreamComponent)? {
        hosts.service(domain.domain) as? ComponentService
    }
}
