import Hummingbird
import NIOCore
import NIOHTTP1
import NIOWebSocket
import XMPPServer
import XMPPStream

/// Streams over WebSocket, RFC 7395.
struct WebSockets: ConnectionMethod {
    static let info = ModuleInfo(
        "websocket", implements: [.rfc(7395, "§3")], summary: "Streams over WebSocket, for clients in browsers.")
    static let relation = "urn:xmpp:alt-connections:websocket"

    private let path: String

    init(host: Host, configuration: ConfigSection) {
        path = configuration.path(default: "/xmpp-websocket", "Where clients connect, on the host's site.")
    }

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        let streams = WebStreams(server: site.site.server, domains: [site.site.host.domain])
        site.add(
            WebUpgrade(
                path: path,
                NIOTypedWebSocketServerUpgrader(
                    maxFrameSize: streams.maximumFrame,
                    enableAutomaticErrorHandling: false,
                    shouldUpgrade: { channel, head in channel.eventLoop.makeSucceededFuture(Self.agreement(head)) },
                    upgradePipelineHandler: { channel, head in
                        let client = head.headers.first(name: "X-Forwarded-For").flatMap { IPAddress($0) }
                        return channel.eventLoop.makeCompletedFuture {
                            try streams.acceptWebSocket(channel, from: client)
                        }
                    })))
        // RFC 9110 §15.5.22: for whoever asks without an upgrade, or without our subprotocol.
        site.router.get(RouterPath(path)) { _, _ in
            Response(status: .upgradeRequired, headers: [.upgrade: "websocket"])
        }
    }

    /// The subprotocol that is agreed on, RFC 7395 §3.1; `nil` if the client does not know it.
    private static func agreement(_ head: HTTPRequestHead) -> HTTPHeaders? {
        let offered = head.headers[canonicalForm: "Sec-WebSocket-Protocol"]
        guard offered.contains(where: { $0 == ElementFraming.subprotocol }) else { return nil }
        return ["Sec-WebSocket-Protocol": ElementFraming.subprotocol]
    }

    func connectionAddress(at site: WebAddress) -> String {
        "ws\(site.description.dropFirst(4))\(path)"
    }
}
