import XMPPServer

/// XEP-0092: Software Version.
struct Version: ServerModule {
    static let info = ModuleInfo(
        "version", implements: [.xep(92, "1.1")], summary: "Tells the server's name and version.")

    private static let namespace: Namespace = "jabber:iq:version"

    struct Settings: ModuleSettings {
        let tellsVersion: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            tellsVersion = section.boolean(
                "tell-version", default: true, "Whether the version is told, or the name alone.")
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.iq(.get, "query", Self.namespace, to: .server, needs: .chat) { [settings] _ in
            .result { writer in
                writer.element("query", Self.namespace) { writer in
                    writer.element("name", text: Software.name)
                    writer.element("version", text: settings.tellsVersion ? Software.version : "")
                }
            }
        }
    }
}
