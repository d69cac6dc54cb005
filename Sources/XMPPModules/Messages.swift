import XMPPServer

/// RFC 6121 §5: which messages a profile allows. The core routes them.
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
        // Most messages have one of these types; a look-up in the set would cost as much as everything else here.
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
        // After that, as strangers must not be able to tell from the answer whether the account exists.
        if settings.types.count < StanzaSettings.MessageType.allCases.count { fromOtherHosts(checkType, &registrar) }
        guard settings.refusesStrangers else { return }
        // A chat message without a body belongs to a conversation; other messages without one are for sessions that
        // understand them.
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

    /// Another host may allow messages that this one does not.
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
