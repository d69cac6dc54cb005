import XMPPServer

/// XEP-0199: XMPP Ping. Answers pings to the host and to one's own account.
struct Ping: ServerModule {
    static let info = ModuleInfo(
        "ping", implements: [.xep(199, "2.0.1")], summary: "Answers pings, which also keep a connection alive.")

    static let namespace: Namespace = "urn:xmpp:ping"

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.iq(.get, "ping", Self.namespace, to: [.server, .ownAccount], needs: .chat) { _ in .ok }
    }
}
