import NIOCore
import XMPPServer

/// Archives messages. There is one archive; how clients read it is up to other modules.
///
/// A message is archived when it is sent: in the recipient's archive when it reaches the recipient, in the sender's
/// when it was accepted. Both entries are part of the message's one commit, so it is archived in both or refused. With
/// the module `stanza-ids` each side's message carries the id in its own archive (XEP-0359).
struct Archive: ServerModule {
    static let info = ModuleInfo(
        "archive", implements: [.xep(334, "1.0.0")], requires: ["messages"],
        summary: "Keeps conversations of those who want it.")

    static let personalData = [PersonalData(store: ArchivePreferences.store)]

    /// Set on sessions that have paused the archiving of what they send, XEP-0136 §6.
    static let isPaused = ClientSession.Flag("archiving paused")

    struct Settings: ModuleSettings {
        let writesIDs: Bool
        let isShared: Bool
        let takesBodiesAlone: Bool
        let retention: ArchiveRetention.Settings

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            writesIDs = profile.offers(StanzaIDs.info.name)
            isShared = section.boolean(
                "shared", default: false,
                "Whether a conversation is kept for both as soon as one of the two keeps a history; else each has an "
                    + "archive of their own.")
            takesBodiesAlone = section.boolean(
                "bodies-only", default: false,
                "Whether nothing but messages with a text is kept; else what belongs to a conversation is kept as well, "
                    + "such as receipts, reactions and retractions.")
            retention = ArchiveRetention.Settings(section, of: "an account")
        }
    }

    private let host: Host
    private let settings: Settings
    private let retention: ArchiveRetention

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        retention = ArchiveRetention(host, of: host.domain, settings.retention)
    }

    func register(_ registrar: inout Registrar) {
        registrar.preload(ArchivePreferences.store, in: ArchivePreferences.slot) { [host] in $0.fill($1, host) }
        // A sender faster than the disk waits for it.
        registrar.on(Hooks.messageToAccount, .archive) { [storage = host.storage] _ in
            guard storage.isCrowded else { return .go }
            return .wait {
                await storage.room()
                return .go
            }
        }
        registrar.on(Hooks.messageFromClient, .archive) { event in
            tell(&event)
            return .go
        }
        registrar.on(Hooks.messageToAccount, .archive, keepForRecipient)
        registrar.on(Hooks.messageAccepted, .archive, keepForSender)
        if retention.isLimited { registrar.job(every: .seconds(60)) { [retention] in await retention.run() } }
    }

    /// Sets the facts that the recipient's half needs.
    private func tell(_ event: inout StanzaContext) {
        if event.session?.has(Self.isPaused) == true { event.facts.insert(.senderPausesArchiving) }
        if event.sender?.keepsHistory == true { event.facts.insert(.senderKeepsHistory) }
    }

    @Sendable private func keepForRecipient(_ event: inout StanzaContext) -> Verdict {
        guard let recipient = event.account, isWorthKeeping(event.stanza) else { return .go }
        let isPaused = event.facts.contains(.senderPausesArchiving)
        if recipient.keepsHistory { event.facts.insert(.recipientKeepsHistory) }
        let isKept: Bool
        if settings.isShared {
            isKept = recipient.keepsHistory || !isPaused && event.facts.contains(.senderKeepsHistory)
        } else {
            let isNote = event.from.isSameBare(as: recipient.jid)
            isKept = recipient.archives(event.from) && !(isNote && isPaused)
        }
        if isKept { keep(&event, of: recipient, peer: event.from, isIncoming: true) }
        return .go
    }

    @Sendable private func keepForSender(_ event: inout StanzaContext) -> Verdict {
        guard let sender = event.sender, let to = event.to, !to.isSameBare(as: sender.jid),
            !event.facts.contains(.senderPausesArchiving), isWorthKeeping(event.stanza)
        else { return .go }
        let isKept =
            settings.isShared
            ? sender.keepsHistory || event.facts.contains(.recipientKeepsHistory) : sender.archives(to)
        if isKept { keep(&event, of: sender, peer: to, isIncoming: false) }
        return .go
    }

    private func keep(_ event: inout StanzaContext, of owner: AccountRecord, peer: JID, isIncoming: Bool) {
        let side: StanzaContext.Side = isIncoming ? .recipient : .sender
        let time = host.now()
        let reserved = host.archiveIDs.reserve(for: owner.jid, at: time)
        let id = reserved.id
        let entry = ArchiveEntry(
            id: id, collection: ArchiveEntry.archive, owner: owner.jid, peer: peer, isIncoming: isIncoming,
            time: id.time(at: time), stanza: event.storedBytes(for: side))
        event.record(.archived, owner.jid.string)
        event.commit([.append(entry, ArchiveMarks(of: event.stanza.element, peer: peer))], id: reserved)
        guard settings.writesIDs else { return }
        event.append(for: side) { [ids = host.archiveIDs] writer in
            StanzaIDs.write(ids.text(id), by: owner.jid, to: &writer)
        }
    }

    private func isWorthKeeping(_ stanza: Stanza) -> Bool {
        guard [.chat, .normal, .unknown].contains(stanza.type) else { return false }
        let content = MessageContent(of: stanza.element)
        if settings.takesBodiesAlone { return content.contains(.body) }
        return content.isArchived
    }
}
