import XMPPServer

/// RFC 6121 §5: which messages a profile lets through. Where they go is the core's business.
struct Messages: ServerModule {
    static let info = ModuleInfo(
        "messages", implements: [.rfc(6121, "§5")], summary: "Says which types of messages pass, and between whom.")

    private static let conversationNamespaces: [Namespace] = [.chatStates, .receipts, .chatMarkers]

    struct Settings: ModuleSettings {
        let types: Set<StanzaSettings.MessageType>
        let refusesStrangers: Bool
        let passesRequests: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            types = profile.stanzas.messageTypes
            refusesStrangers = profile.stanzas.fromStrangers == .refuse
            passesRequests = section.boolean(
                "requests", default: true, "Whether clients may send requests (IQ) to other clients.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        // Most are one of these two; a look at the set costs as much as all else that is done here.
        let (passesChat, passesNormal) = (settings.types.contains(.chat), settings.types.contains(.normal))
        let checkType: @Sendable (inout StanzaContext) -> Verdict = { [settings] event in
            let passes =
                switch event.stanza.type {
                case .chat: passesChat
                case .error: settings.types.contains(.error)
                case .headline: settings.types.contains(.headline)
                case .groupchat: settings.types.contains(.groupchat)
                default: passesNormal
                }
            if passes { return .go }
            return event.stanza.type == .error ? .handled : .bounce(.featureNotImplemented)
        }
        registrar.on(Hooks.messageFromClient, .validate, checkType)
        if !settings.passesRequests {
            registrar.on(Hooks.iqToSession, .block) { event in
                event.stanza.type == .get || event.stanza.type == .set ? .bounce(.serviceUnavailable) : .handled
            }
        }
        if settings.refusesStrangers {
            registrar.on(Hooks.messageToAccount, .block) { event in
                guard let account = event.account, !event.from.isSameBare(as: account.jid) else { return .go }
                return account.rosterItem(event.from)?.state == .both ? .go : .bounce(.serviceUnavailable)
            }
        }
        // Behind that: strangers are not to tell an account from none by its answer.
        if settings.types.count < StanzaSettings.MessageType.allCases.count { fromOtherHosts(checkType, &registrar) }
        guard settings.refusesStrangers else { return }
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
