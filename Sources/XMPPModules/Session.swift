import XMPPServer

/// RFC 3921 §3: session establishment, which never had an effect. Old clients end the stream if it is not offered;
/// present ones skip it where it is optional.
struct Session: ServerModule {
    static let info = ModuleInfo(
        "session", implements: [.rfc(3921, "§3")], summary: "Offers the session that old clients ask for.")

    struct Settings: ModuleSettings {
        let isOptional: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            isOptional = section.boolean(
                "optional", default: true, "Whether the offer says that clients need not ask for it.")
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.streamFeature(.authenticated) { [settings] writer in
            writer.element("session", .session) { writer in
                if settings.isOptional { writer.element("optional") }
            }
        }
        registrar.clientIQ(.set, "session", .session, to: [.server, .ownAccount], needs: .chat) { _ in .ok }
    }
}
