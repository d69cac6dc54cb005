import XMPPServer

/// XEP-0494: lets people list the clients with access to their account, and revoke it.
struct ClientAccess: ServerModule {
    static let info = ModuleInfo(
        "client-access", implements: [.xep(494, "0.1.0")],
        summary: "Lists an account's devices, apps and tokens to its owner, who can revoke their access.")

    private static let namespace: Namespace = "urn:xmpp:cam:0"

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.accountFeature(Self.namespace)
        registrar.clientIQ(.get, "list", Self.namespace, to: .ownAccount, needs: .manageAccess, list)
        registrar.clientIQ(.set, "revoke", Self.namespace, to: .ownAccount, needs: .manageAccess, revoke)
    }

    @Sendable private func list(_ request: ClientRequest) -> Reply {
        let record = request.record
        return .async { [host] in
            do throws(StorageError) {
                let clients = try await host.clients(of: record)
                return .result { writer in
                    writer.element("clients", Self.namespace) { writer in
                        for client in clients { Self.write(client, to: &writer) }
                    }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private static func write(_ client: AccountClient, to writer: inout XMLWriter) {
        writer.element(
            "client", nil,
            [
                "connected": client.isConnected ? "true" : "false", "id": client.id,
                "type": client.isSession ? "session" : "access",
            ]
        ) { writer in
            writer.element("first-seen", text: client.firstSeen.xep0082)
            writer.element("last-seen", text: client.lastSeen.xep0082)
            writer.element("auth") { writer in
                if client.methods.contains(.password) { writer.element("password") }
                if client.methods.contains(.grant) { writer.element("grant") }
                if client.methods.contains(.fast) { writer.element("fast") }
            }
            writer.element("permission", nil, ["status": client.isUnrestricted ? "unrestricted" : "normal"])
            guard client.software != nil || client.device != nil else { return }
            writer.element("user-agent") { writer in
                if let software = client.software { writer.element("software", text: software) }
                if let device = client.device { writer.element("device", text: device) }
            }
        }
    }

    @Sendable private func revoke(_ request: ClientRequest) -> Reply {
        guard let id = request.payload["id"] else { return .error(.badRequest) }
        let record = request.record
        return .async { [host] in
            do throws(StorageError) {
                guard let client = try await host.clients(of: record).first(where: { $0.id == id }) else {
                    return .error(.itemNotFound)
                }
                guard !client.knowsPassword else {
                    return .error(
                        StanzaError(
                            .serviceUnavailable, detail: .init("password-reset-required", Self.namespace)))
                }
                try await host.revoke(client, of: record)
                return .ok
            } catch {
                return .error(host.report(error))
            }
        }
    }
}
