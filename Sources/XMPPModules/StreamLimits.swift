import XMPPServer

/// XEP-0478: announces the maximum size of an element and the idle timeout.
struct StreamLimits: ServerModule {
    static let info = ModuleInfo(
        "stream-limits", implements: [.xep(478, "0.2.0")],
        summary: "Says how large a stanza may be, and how long a client may be silent.")

    private static let namespace: Namespace = "urn:xmpp:stream-limits:0"

    struct Settings: ModuleSettings {
        let limits: LimitSettings

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            limits = profile.limits
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        for layer in [StreamStateMachine.Layer.plain, .secured] {
            registrar.streamFeature(layer) { [settings] writer in
                Self.write(settings.limits.unauthenticatedStanzaSize, nil, to: &writer)
            }
        }
        registrar.streamFeature(.authenticated) { [settings] writer in
            Self.write(settings.limits.stanzaSize, settings.limits.idleTime, to: &writer)
        }
    }

    private static func write(_ size: Int, _ idle: Duration?, to writer: inout XMLWriter) {
        writer.element("limits", namespace) { writer in
            writer.element("max-bytes", text: String(size))
            if let idle { writer.element("idle-seconds", text: String(idle.components.seconds)) }
        }
    }
}
