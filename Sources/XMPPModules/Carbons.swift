import NIOCore
import XMPPServer

/// XEP-0280: Message Carbons: copies of an account's messages for its other clients that asked for them.
///
/// Only the server makes copies; elements of that kind are stripped from what clients send.
struct Carbons: ServerModule {
    static let info = ModuleInfo(
        "carbons", implements: [.xep(280, "1.0.1")],
        summary: "All clients of an account see what each of them sends and receives.")

    static let namespace: Namespace = "urn:xmpp:carbons:2"

    /// Set on sessions that asked for copies.
    static let isOn = ClientSession.Flag("carbons")

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.clientIQ(.set, "enable", Self.namespace, to: [.server, .ownAccount], needs: .chat) { request in
            request.session.set(Self.isOn, true)
            return .ok
        }
        registrar.clientIQ(.set, "disable", Self.namespace, to: [.server, .ownAccount], needs: .chat) { request in
            request.session.set(Self.isOn, false)
            return .ok
        }
        registrar.bindFeature(Self.namespace, needs: .chat) { asked, session, _ in
            if asked?.hasName("enable") == true { session.set(Self.isOn, true) }
        }
        registrar.reserve(Self.namespace) { child, _ in child.hasName("received") || child.hasName("sent") }
        registrar.on(Hooks.messageAccepted, .copy, copySent)
        registrar.on(Hooks.messageToAccount, .copy, copyReceived)
    }

    /// §8: to all but the sending session, with the id in the sender's archive.
    @Sendable private func copySent(_ event: inout StanzaContext) -> Verdict {
        guard let sender = event.sender else { return .go }
        let session = event.session
        let sessions = sender.sessions
        guard sessions.contains(where: { $0.has(Self.isOn) && $0 !== session }),
            Self.isEligible(event.stanza, isSent: true)
        else { return .go }
        // A message to the own account reaches its other sessions anyway.
        if event.to.map({ $0.isSameBare(as: sender.jid) }) ?? true { return .go }
        copy(
            event, "sent", for: .sender, of: sender, to: sessions.filter { $0.has(Self.isOn) && $0 !== session })
        return .go
    }

    /// §7: to all sessions that do not get the message itself. Messages stored offline are delivered later as they are.
    @Sendable private func copyReceived(_ event: inout StanzaContext) -> Verdict {
        guard let account = event.account else { return .go }
        let sessions = account.sessions
        guard sessions.contains(where: { $0.has(Self.isOn) }), Self.isEligible(event.stanza, isSent: false) else {
            return .go
        }
        let destination = MessageDestination(of: event, among: sessions)
        switch destination {
        case .session, .sessions: break
        case .nobody, .refused, .nowhere: return .go
        }
        copy(
            event, "received", for: .recipient, of: account,
            to: sessions.filter { $0.has(Self.isOn) && $0.jid != event.from && !destination.includes($0) })
        return .go
    }

    /// Sends a copy, which is written once, to sessions.
    private func copy(
        _ event: StanzaContext, _ direction: StaticString, for side: StanzaContext.Side, of account: AccountRecord,
        to sessions: [ClientSession]
    ) {
        guard !sessions.isEmpty else { return }
        var writer = XMLWriter()
        writer.element(direction, Self.namespace) { writer in
            writer.element("forwarded", .forward) { event.write(to: &$0, for: side) }
        }
        let content = writer.finish()
        let type = event.stanza.type?.name
        for session in sessions {
            event.record(.copied, session.jid.string)
            session.send(.message) { writer in
                writer.start("message", .client)
                writer.attribute("from", account.jid.string)
                writer.attribute("to", session.jid.string)
                if let type { writer.attribute("type", type) }
                writer.raw(content)
                writer.end()
            }
        }
    }

    // MARK: Which messages, §6.1

    static func isEligible(_ stanza: Stanza, isSent: Bool) -> Bool {
        let message = stanza.element
        if message.hasChild("private", namespace) || message.hasChild("no-copy", .hints) { return false }
        switch stanza.type {
        case .groupchat:
            return false
        case .chat:
            // A room itself sends private messages to all of an account's clients.
            return isSent || !message.hasChild("x", .roomUser)
        case .error:
            return true
        case .normal, .unknown:
            if message.hasChild("body", .client) { return true }
        default:
            break
        }
        return Messages.isAboutConversation(message) || message.hasChild("x", .conference)
            || message.child("x", .roomUser)?.hasChild("invite", .roomUser) == true
    }
}
