import Hummingbird
import NIOCore
import NIOWebSocket
import XMPPServer
import XMPPStream

/// Streams over WebSocket, RFC 7395.
struct WebSockets: ConnectionMethod {
    static let info = ModuleInfo(
        "websocket", implements: [.rfc(7395, "§3")], summary: "Streams over WebSocket, for clients in browsers.")
    static let relation = "urn:xmpp:alt-connections:websocket"

    struct Settings: ModuleSettings {
        let path: String

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            path = section.path(default: "/xmpp-websocket", "Where clients connect, on the host's site.")
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        let streams = site.site.streams
        site.add(
            WebUpgrade(
                path: settings.path,
                agree: { try? WebSocketHandshake.accept($0, subprotocol: ElementFraming.subprotocol) },
                takeOver: { channel, client in
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(WebSocketFrameEncoder())
                    try pipeline.addHandler(
                        ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: streams.maximumFrame)))
                    try streams.acceptWebSocket(channel, from: client)
                }))
        // For requests without this upgrade.
        site.router.get(RouterPath(settings.path)) { request, _ in
            do throws(WebSocketHandshake.Refusal) {
                _ = try WebSocketHandshake.accept(request.head, subprotocol: ElementFraming.subprotocol)
                // HTTP/1.0 has no upgrades.
                return Response(status: .badRequest)
            } catch {
                return error.response
            }
        }
    }

    func connectionAddress(at site: WebAddress) -> String {
        "ws\(site.description.dropFirst(4))\(settings.path)"
    }
}
