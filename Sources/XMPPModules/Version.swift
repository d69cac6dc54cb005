import XMPPServer

/// XEP-0092: Software Version.
struct Version: ServerModule {
    static let info = ModuleInfo(
        "version", implements: [.xep(92, "1.1")], summary: "Tells the server's name and version.")

    private static let namespace: Namespace = "jabber:iq:version"

    private let tellsVersion: Bool

    init(host: Host, configuration: ConfigSection) {
        tellsVersion = configuration.boolean(
            "tell-version", default: true, "Whether the version is told, or the name alone.")
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.iq(.get, "query", Self.namespace, to: .server, needs: .chat) { [tellsVersion] _ in
            .result { writer in
                writer.element("query", Self.namespace) { writer in
                    writer.element("name", text: Software.name)
                    writer.element("version", text: tellsVersion ? Software.version : "")
                }
            }
        }
    }
}
