import XMPPServer

/// XEP-0352: Client State Indication: stanzas that are not urgent are held back from an inactive client.
///
/// Only the last presence of each sender is kept, and the last chat state of each sender that comes alone. They are
/// sent before the next urgent stanza, or when the client becomes active. The state belongs to a connection: a resumed
/// session begins as active.
struct ClientState: ServerModule {
    static let info = ModuleInfo(
        "client-state", implements: [.xep(352, "1.0.0")],
        summary: "Holds back presence and chat states from clients that nobody looks at.")

    private static let namespace: Namespace = "urn:xmpp:csi:0"
    /// Elements that accompany a chat state without content of their own.
    private static let companions: [Namespace] = [
        .chatStates, .hints, .stanzaIDs, .delay, .occupantID,
    ]

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {
        registrar.streamFeature(.authenticated) { $0.element("csi", Self.namespace) }
        registrar.streamElement("active", Self.namespace, .authenticated, needs: .chat) { _, stream in
            set(stream, isInactive: false)
        }
        registrar.streamElement("inactive", Self.namespace, .authenticated, needs: .chat) { _, stream in
            set(stream, isInactive: true)
        }
        registrar.bindFeature(Self.namespace, needs: .chat) { element, session, _ in
            if element?.hasName("inactive") == true { session.becomeInactive() }
        }
        registrar.inactiveClientPolicy { stanza in Self.policy(for: stanza) }
    }

    private func set(_ stream: ClientStream, isInactive: Bool) -> Bool {
        guard let session = stream.session else { return false }
        if isInactive { session.becomeInactive() } else { session.becomeActive() }
        return true
    }

    static func policy(for stanza: Stanza) -> InactiveClientPolicy {
        switch (stanza.kind, stanza.type) {
        case (.presence, .available), (.presence, .unavailable):
            .later(kind: "presence " + (stanza.element["from"] ?? ""))
        case (.message, let type) where type != .error && isChatState(stanza.element):
            .later(kind: "state " + (stanza.element["from"] ?? ""))
        default:
            .now
        }
    }

    private static func isChatState(_ message: Element) -> Bool {
        message.children.contains { $0.isIn(.chatStates) }
            && message.children.allSatisfy { child in
                child.isNamed("thread", .client) || companions.contains { child.isIn($0) }
            }
    }
}
