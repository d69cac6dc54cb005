import XMPPServer

/// RFC 6121 §5: which messages a profile lets through. Where they go is the core's business.
struct Messages: ServerModule {
    static let info = ModuleInfo(
        "messages", implements: [.rfc(6121, "§5")], summary: "Says which types of messages pass, and between whom.")

    private static let conversationNamespaces: [Namespace] = [.chatStates, .receipts, .chatMarkers]

    private let host: Host
    private let types: Set<StanzaSettings.MessageType>
    private let refusesStrangers: Bool
    private let passesRequests: Bool

    init(host: Host, configuration: ConfigSection) {
        self.host = host
        types = host.configuration.stanzas.messageTypes
        refusesStrangers = host.configuration.stanzas.fromStrangers == .refuse
        passesRequests = configuration.boolean(
            "requests", default: true, "Whether clients may send requests (IQ) to other clients.")
    }

    func register(_ registrar: inout Registrar) {
        // Most are one of these two; a look at the set costs as much as all else that is done here.
        let (passesChat, passesNormal) = (types.contains(.chat), types.contains(.normal))
        let checkType: @Sendable (inout StanzaContext) -> Verdict = { [types] event in
            let passes =
                switch event.stanza.type {
                case .chat: passesChat
                case .error: types.contains(.error)
                case .headline: types.contains(.headline)
                case .groupchat: types.contains(.groupchat)
                default: passesNormal
                }
            if passes { return .go }
            return event.stanza.type == .error ? .handled : .bounce(.featureNotImplemented)
        }
        registrar.on(Hooks.messageFromClient, .validate, checkType)
        if !passesRequests {
            registrar.on(Hooks.iqToSession, .block) { event in
                event.stanza.type == .get || event.stanza.type == .set ? .bounce(.serviceUnavailable) : .handled
            }
        }
        if refusesStrangers {
            registrar.on(Hooks.messageToAccount, .block) { event in
                guard let account = event.account, !event.from.isSameBare(as: account.jid) else { return .go }
                return account.rosterItem(event.from)?.state == .both ? .go : .bounce(.serviceUnavailable)
            }
        }
        // Behind that: strangers are not to tell an account from none by its answer.
        if types.count < StanzaSettings.MessageType.allCases.count { fromOtherHosts(checkType, &registrar) }
        guard refusesStrangers else { return }
        // A chat message without a body is about a conversation; anything else without one is for a session that knows it.
        let checkContent: @Sendable (inout StanzaContext) -> Verdict = { event in
            let message = event.stanza.element
            if message.hasChild("body", .client) || event.to?.isFull == true || Self.isAboutConversation(message) {
                return .go
            }
            return .handled
        }
        registrar.on(Hooks.messageFromClient, .validate, checkContent)
        fromOtherHosts(checkContent, &registrar)
    }

    /// What another host has let through may be nothing for an account of this one.
    private func fromOtherHosts(
        _ check: @escaping @Sendable (inout StanzaContext) -> Verdict, _ registrar: inout Registrar
    ) {
        registrar.on(Hooks.messageToAccount, .block) { [host] event in
            event.from.isSameDomain(as: host.jid) ? .go : check(&event)
        }
    }

    /// Chat states, receipts and markers.
    static func isAboutConversation(_ message: Element) -> Bool {
        message.children.contains { child in conversationNamespaces.contains { child.isIn($0) } }
    }
}
