import NIOCore
import XMPPServer

/// Keeps conversations. How they are read is other modules' business: there is one archive for all of them.
///
/// Whether a message is kept is decided when it is sent, for the sender's archive and for the recipient's. Both entries
/// belong to the message's one commit: it is archived as a whole or refused. Where there is the module `stanza-ids`, the
/// ids go along with the message (XEP-0359), each to the owner of its archive alone.
struct Archive: ServerModule {
    static let info = ModuleInfo(
        "archive", implements: [.xep(334, "1.0.0")], requires: ["messages"],
        summary: "Keeps conversations of those who want it.")

    /// Set on sessions that want nothing to be kept of what they send, XEP-0136 §6.
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
            retention = ArchiveRetention.Settings(section)
        }
    }

    private let host: Host
    private let settings: Settings
    private let retention: ArchiveRetention

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        retention = ArchiveRetention(host, settings.retention)
    }

    func register(_ registrar: inout Registrar) {
        registrar.preload(ArchivePreferences.store, in: ArchivePreferences.slot) { [host] in $0.fill($1, host) }
        // Whoever writes faster than the disk waits for it.
        registrar.on(Hooks.messageToAccount, .archive) { [storage = host.storage] _ in
            guard storage.isCrowded else { return .go }
            return .wait {
                await storage.room()
                return .go
            }
        }
        registrar.on(Hooks.messageToAccount, .archive, keep)
        if retention.isLimited { registrar.job(every: .seconds(60)) { [retention] in await retention.run() } }
    }

    @Sendable private func keep(_ event: inout StanzaContext) -> Verdict {
        guard let recipient = event.account, isWorthKeeping(event.stanza) else { return .go }
        let isPaused = event.sender?.has(Self.isPaused) == true
        let sender = isPaused ? nil : event.sender?.record
        var owners: [(record: AccountRecord, peer: JID, isIncoming: Bool)] = []
        if settings.isShared {
            guard recipient.keepsHistory || sender?.keepsHistory == true else { return .go }
            owners.append((recipient, event.from, true))
            if let sender, sender !== recipient { owners.append((sender, recipient.jid, false)) }
        } else {
            let isNote = event.sender?.record === recipient
            if recipient.archives(event.from), !(isNote && isPaused) { owners.append((recipient, event.from, true)) }
            if let sender, sender !== recipient, sender.archives(event.to ?? recipient.jid) {
                owners.append((sender, recipient.jid, false))
            }
        }
        guard !owners.isEmpty else { return .go }
        let time = host.now()
        let reserved = host.archiveIDs.reserve(for: owners.map(\.record.jid), at: time)
        var writer = XMLWriter(contentNamespace: .none)
        event.write(to: &writer)
        let stanza = Array(writer.finish().readableBytesView)
        let marks = ArchiveMarks(of: event.stanza.element, peer: event.from)
        var changes: [StorageChange] = []
        for (owner, id) in zip(owners, reserved.ids) {
            event.record(.archived, owner.record.jid.string)
            changes.append(
                .append(
                    ArchiveEntry(
                        id: id, collection: ArchiveEntry.archive, owner: owner.record.jid, peer: owner.peer,
                        isIncoming: owner.isIncoming, time: id.time(at: time), stanza: stanza),
                    owner.isIncoming ? marks : marks.withPeer(event.to ?? recipient.jid)))
            guard settings.writesIDs else { continue }
            event.append(for: owner.isIncoming ? .recipient : .sender) { [ids = host.archiveIDs] writer in
                StanzaIDs.write(ids.text(id), by: owner.record.jid, to: &writer)
            }
        }
        event.commit(changes, ids: reserved)
        return .go
    }

    private func isWorthKeeping(_ stanza: Stanza) -> Bool {
        guard [.chat, .normal, .unknown].contains(stanza.type) else { return false }
        let content = MessageContent(of: stanza.element)
        if settings.takesBodiesAlone { return content.contains(.body) }
        return content.isArchived
    }
}
