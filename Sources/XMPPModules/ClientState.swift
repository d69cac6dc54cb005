import XMPPServer

/// XEP-0352: Client State Indication: what a client that nobody looks at need not know at once is held back.
///
/// Of presence it gets the last of each sender, of chat states that come alone the last of each as well, both as soon as
/// something comes that is urgent, in front of it, or when somebody looks again. The state is that of a connection: a
/// session that is resumed begins as an active one.
struct ClientState: ServerModule {
    static let info = ModuleInfo(
        "client-state", implements: [.xep(352, "1.0.0")],
        summary: "Holds back presence and chat states from clients that nobody looks at.")

    private static let namespace: Namespace = "urn:xmpp:csi:0"
    /// What accompanies a chat state and says nothing of its own.
    private static let companions: [Namespace] = [
        .chatStates, .hints, .stanzaIDs, .delay, "urn:xmpp:occupant-id:0",
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
        registrar.inactiveClientPolicy { stanza in Self.urgency(of: stanza) }
    }

    private func set(_ stream: ClientStream, isInactive: Bool) -> Bool {
        guard let session = stream.session else { return false }
        if isInactive { session.becomeInactive() } else { session.becomeActive() }
        return true
    }

    static func urgency(of stanza: Stanza) -> InactiveClientPolicy {
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
