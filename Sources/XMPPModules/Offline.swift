import NIOCore
import XMPPServer

/// XEP-0160: messages for those who are away, with the stamp of XEP-0203.
///
/// A message is kept when its commit is durable; until then its sender's stream is held, so that whatever the sender is
/// answered after it vouches for it. Stored messages are handed over in order, once, to the first session that takes
/// messages, and removed when they have been written to it.
struct Offline: ServerModule {
    static let info = ModuleInfo(
        "offline", implements: [.xep(160, "1.0.1"), .xep(203, "2.0")],
        summary: "Keeps messages for those who are away.")

    private let host: Host
    private let maximum: Int
    private let isAnnounced: Bool

    init(host: Host, configuration: ConfigSection) {
        self.host = host
        isAnnounced = configuration.boolean(
            "announce", default: true, "Whether service discovery tells that messages are kept.")
        maximum = configuration.integer(
            "maximum-messages", default: 1000, in: 1...1_000_000,
            "How many messages are kept for an account; beyond them senders get service-unavailable.")
    }

    func register(_ registrar: inout Registrar) {
        if isAnnounced { registrar.feature("msgoffline") }
        registrar.on(Hooks.messageFromClient, .rewrite, removeForgedStamps)
        registrar.on(Hooks.messageToAccount, .fallback, keep)
        registrar.on(Presence.becameAvailable, .deliver) { event in
            deliver(to: event.session.record)
            return .go
        }
    }

    /// A stamp in the name of a host that is served here is that host's to give, not a client's.
    @Sendable private func removeForgedStamps(_ event: inout StanzaEvent) -> Verdict {
        let message = event.stanza.element
        guard message.hasChild("delay", .delay), message.children.contains(where: isForgedStamp) else { return .go }
        event.rewrite { writer in
            writer.start("message", .client)
            for name in ["to", "id", "type"] as [StaticString] { writer.attribute(name, message[name]) }
            if let language = message.attribute("lang", .xml) { writer.lang(language) }
            for child in message.children where !isForgedStamp(child) { writer.copy(child) }
            writer.end()
        }
        return .go
    }

    private func isForgedStamp(_ child: Element) -> Bool {
        guard child.isNamed("delay", .delay), let from = child["from"].flatMap({ JID($0) }) else { return false }
        return from.isDomain && host.router.hosts[from.domain] != nil
    }

    @Sendable private func keep(_ event: inout StanzaEvent) -> Verdict {
        guard let account = event.account, event.stanza.type == .chat || event.stanza.type == .normal else {
            return .go
        }
        let message = event.stanza.element
        // XEP-0160 §3: states of a conversation are worth nothing later.
        guard !Messages.isAboutConversation(message) || message.hasChild("body", .client) else { return .handled }
        var writer = XMLWriter(contentNamespace: .none)
        writer.stanza(message, from: event.from.string, to: event.to?.string ?? account.jid.string, lang: nil)
        let stanza = Array(writer.finish().readableBytesView)
        let from = event.from
        return .wait { await keep(stanza, from: from, account) }
    }

    private func keep(_ stanza: [UInt8], from: JID, _ account: AccountRecord) async -> Verdict {
        do throws(StorageError) {
            let kept = try await host.storage.archivedCount(
                collection: ArchiveEntry.offline, owner: account.jid, upTo: maximum)
            guard kept < maximum else { return .bounce(.serviceUnavailable) }
            let time = host.now()
            try await host.storage.commit([
                .append(
                    ArchiveEntry(
                        id: host.archiveIDs.next(at: time), collection: ArchiveEntry.offline, owner: account.jid,
                        peer: from.bare, isIncoming: true, time: time, stanza: stanza))
            ])
        } catch {
            return .bounce(host.report(error))
        }
        // The account may have come while its message was on the way to the disk.
        deliver(to: account)
        return .handled
    }

    private func query(_ owner: JID, limit: Int) -> ArchiveQuery {
        ArchiveQuery(collection: ArchiveEntry.offline, owner: owner, limit: limit)
    }

    /// Hands over what has been kept. Only one hand-over for an account is under way at a time; what is kept while it
    /// comes to its end is handed over by it, too.
    private func deliver(to account: AccountRecord) {
        guard account.begin(Self.handingOver) else { return }
        Task {
            repeat {
                await handOver(to: account)
            } while !account.end(Self.handingOver)
        }
    }

    private func handOver(to account: AccountRecord) async {
        do throws(StorageError) {
            while let session = account.sessions.first(where: { ($0.priority ?? -1) >= 0 }) {
                let entries = try await host.storage.archived(query(account.jid, limit: 100))
                guard let last = entries.last else { return }
                for entry in entries { send(entry, to: session) }
                // Whoever has gone meanwhile finds them again next time.
                guard await session.isWritten() else { return }
                try await host.storage.commit([
                    .removeArchived(collection: ArchiveEntry.offline, owner: account.jid, upTo: last.id)
                ])
            }
        } catch {
            _ = host.report(error)
        }
    }

    private static let handingOver = AccountRecord.Work("offline")

    private func send(_ entry: ArchiveEntry, to session: ClientSession) {
        guard let element = try? Element(parsing: ByteBuffer(bytes: entry.stanza)) else { return }
        let stamp = entry.time.xep0082
        let from = host.domain
        session.send { writer in
            writer.copy(element) { $0.element("delay", .delay, ["from": from, "stamp": stamp]) }
        }
    }
}
