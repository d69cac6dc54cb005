import Crypto
import NIOCore
import XMPPServer

/// XEP-0065: SOCKS5 Bytestreams: a proxy for clients of the host that cannot reach each other.
///
/// Two clients connect to its port and name the same stream. When the one that has asked for the stream says so, what each
/// sends goes to the other.
struct BytestreamProxy: ServerModule {
    static let info = ModuleInfo(
        "bytestream-proxy", implements: [.xep(65, "1.8.2")], requires: ["disco"],
        summary: "Passes streams between clients that cannot reach each other.")

    private static let namespace: Namespace = "http://jabber.org/protocol/bytestreams"

    struct Settings: ModuleSettings {
        let domain: String?
        let addresses: [IPAddress]
        let port: Int
        let address: String?
        let limits: BytestreamLimits

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            domain = section.optionalString("domain", "The service's domain; without it `proxy.` and the host's.")
            addresses = section.values(
                "addresses", default: [IPAddress("0.0.0.0"), IPAddress("::")].compactMap(\.self),
                expected: "an IP address", example: "\"0.0.0.0\" or \"::\"", "The addresses that are listened on.")
            port = section.integer(
                "port", default: 7777, in: 0...65_535, "The port, of this host alone; 0: any that is free.")
            address = section.optionalString(
                "address", "The name or IP address by which clients reach it; without it the host's domain.")
            limits = BytestreamLimits(section)
        }
    }

    private let host: Host
    private let settings: Settings
    let streams: Bytestreams

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        streams = Bytestreams(settings.limits)
    }

    /// Where clients connect.
    var port: PortUse {
        PortUse("\(host.domain): bytestream-proxy", settings.addresses, port: settings.port) { [streams] channel in
            try channel.pipeline.syncOperations.addHandler(BytestreamConnection(channel, streams))
        }
    }

    func register(_ registrar: inout Registrar) {
        registrar.port(port)
        registrar.service("proxy", at: settings.domain, name: "File transfer") { [self] service in
            service.identity(category: "proxy", type: "bytestreams", name: "SOCKS5 Bytestreams")
            service.feature(Self.namespace)
            service.clientIQ(.get, "query", Self.namespace, to: .server, needs: .chat, describe)
            service.clientIQ(.set, "query", Self.namespace, to: .server, needs: .chat, activate)
        }
    }

    /// §6.2: where it is.
    @Sendable private func describe(_ request: ClientRequest) -> Reply {
        let number = host.administration?.addresses(of: port).first?.port ?? settings.port
        return .result { [settings, host] writer in
            writer.element("query", Self.namespace, ["sid": request.payload["sid"]]) { writer in
                writer.element(
                    "streamhost", nil,
                    [
                        "jid": request.to?.string, "host": settings.address ?? host.domain, "port": "\(number)",
                    ])
            }
        }
    }

    /// §6.3.5: only the one that has asked for the stream can name it so.
    @Sendable private func activate(_ request: ClientRequest) -> Reply {
        guard let id = request.payload["sid"], !id.isEmpty, id.utf8.count <= 1024,
            let target = request.payload.child("activate", Self.namespace).flatMap({ JID($0.text) })
        else { return .error(.badRequest) }
        let name = Self.name(id, from: request.from, to: target)
        let account = request.record.jid
        return .async {
            await streams.activate(name, by: account) ? .ok : .error(.itemNotFound)
        }
    }

    /// §5.3.1: what both connections name, SHA-1 in hexadecimal digits.
    static func name(_ id: String, from requester: JID, to target: JID) -> String {
        Insecure.SHA1.hash(data: Array("\(id)\(requester)\(target)".utf8))
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
