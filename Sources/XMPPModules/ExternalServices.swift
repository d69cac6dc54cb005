import Crypto
import XMPPServer

/// XEP-0215: External Service Discovery: services for the host's people that do not use XMPP, such as STUN and TURN for
/// calls.
///
/// For a TURN server that shares a secret with the host, temporary credentials are made, as coturn and others accept
/// them (`use-auth-secret`): the user name has the expiry, and the password proves it. They are different for each
/// account and do not reveal it.
struct ExternalServices: ServerModule {
    static let info = ModuleInfo(
        "external-services", implements: [.xep(215, "1.0.0")],
        summary: "Tells people's clients where STUN and TURN servers are, with credentials for a while.")

    private static let namespace: Namespace = "urn:xmpp:extdisco:2"

    struct Settings: ModuleSettings {
        let services: [Service]
        let lifetime: Duration

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            services = section.list("services", "The services.").map(Service.init)
            lifetime = section.duration(
                "lifetime", default: .seconds(86_400), in: .seconds(60)...(.seconds(30 * 86_400)),
                "How long credentials that are made from a secret are good.")
        }
    }

    struct Service: Sendable, Equatable {
        let type: String
        let host: String
        let port: Int
        let transport: Transport
        let isRestricted: Bool
        /// Shared with the service; nil: none.
        let secret: Redacted<String>?

        enum Transport: String, CaseIterable, Sendable {
            case udp
            case tcp
        }

        init(_ section: ConfigSection) {
            type = section.string("type", default: "turn", "What it is, such as `stun`, `turn` or `turns`.")
            host = section.string("host", default: "", "Its name or address.")
            port = section.integer("port", default: 3478, in: 1...65_535, "Its port.")
            transport = section.choice("transport", default: .udp, "How it is reached.")
            secret = section.optionalString("secret", "What it shares with this server to make credentials from.")
                .map(Redacted.init)
            isRestricted = secret != nil
            if host.isEmpty { section.fail("host", "the service has no host", fix: "write its name or address") }
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.clientIQ(.get, "services", Self.namespace, to: .server, needs: .chat, services)
        registrar.clientIQ(.get, "credentials", Self.namespace, to: .server, needs: .chat, credentials)
    }

    /// §3: all services, or those of one type.
    @Sendable private func services(_ request: ClientRequest) -> Reply {
        let type = request.payload["type"]
        let services = settings.services.filter { type == nil || $0.type == type }
        return answer("services", type, services, to: request)
    }

    /// §4: the credentials of one service.
    @Sendable private func credentials(_ request: ClientRequest) -> Reply {
        guard let asked = request.payload.child("service", Self.namespace), let host = asked["host"] else {
            return .error(.badRequest)
        }
        let services = settings.services.filter { service in
            service.host == host && service.type == asked["type"] && service.secret != nil
                && asked["port"].map { $0 == String(service.port) } ?? true
        }
        guard !services.isEmpty else { return .error(.itemNotFound) }
        return answer("credentials", nil, services, to: request)
    }

    private func answer(
        _ name: StaticString, _ type: String?, _ services: [Service], to request: ClientRequest
    ) -> Reply {
        let account = request.record.jid
        let until = Timestamp(milliseconds: host.now().milliseconds + settings.lifetime.components.seconds * 1000)
        return .result { writer in
            writer.element(name, Self.namespace, ["type": type]) { writer in
                for service in services { Self.write(service, for: account, until, to: &writer) }
            }
        }
    }

    private static func write(_ service: Service, for account: JID, _ until: Timestamp, to writer: inout XMLWriter) {
        var attributes: [(name: StaticString, value: String)] = [
            ("host", service.host), ("port", String(service.port)), ("transport", service.transport.rawValue),
            ("type", service.type),
        ]
        if let secret = service.secret {
            let key = SymmetricKey(data: Array(secret.value.utf8))
            let pseudonym = Array(
                HMAC<SHA256>.authenticationCode(for: Array(account.string.utf8), using: key).prefix(9))
            let user = "\(until.milliseconds / 1000):\(Base64.encode(pseudonym))"
            let password = HMAC<Insecure.SHA1>.authenticationCode(for: Array(user.utf8), using: key)
            attributes += [
                ("username", user), ("password", Base64.encode(Array(password))), ("restricted", "true"),
                ("expires", until.xep0082),
            ]
        }
        writer.start("service")
        for (name, value) in attributes { writer.attribute(name, value) }
        writer.end()
    }
}
