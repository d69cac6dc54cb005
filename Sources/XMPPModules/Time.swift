import XMPPServer

/// XEP-0202: Entity Time: the host's clock, in UTC.
struct Time: ServerModule {
    static let info = ModuleInfo("time", implements: [.xep(202, "2.0")], summary: "Tells the time.")

    private static let namespace: Namespace = "urn:xmpp:time"

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.iq(.get, "time", Self.namespace, to: .server, needs: .chat) { [host] _ in
            .result { writer in
                writer.element("time", Self.namespace) { writer in
                    writer.element("tzo", text: "+00:00")
                    writer.element("utc", text: host.now().xep0082)
                }
            }
        }
    }
}
