import NIOCore
import XMPPServer

/// XEP-0160: offline messages, with the delay of XEP-0203.
///
/// A message counts as accepted when its commit is durable; until then the sender's requests are not answered, so that
/// an answer confirms all messages before the request. Offline messages are delivered in order, once, to the first
/// session that takes messages, and removed when they have been written to it. Messages that arrive meanwhile follow
/// them.
struct Offline: ServerModule {
    static let info = ModuleInfo(
        "offline", implements: [.xep(160, "1.0.1"), .xep(203, "2.0")],
        summary: "Keeps messages for those who are away.")

    struct Settings: ModuleSettings {
        let isAnnounced: Bool
        let takesBodiesAlone: Bool
        let maximum: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            isAnnounced = section.boolean(
                "announce", default: true, "Whether service discovery tells that messages are kept.")
            takesBodiesAlone = section.boolean(
                "bodies-only", default: false,
                "Whether receipts, markers and the like are kept only if they come with a text.")
            maximum = section.integer(
                "maximum-messages", default: 1000, in: 1...1_000_000,
                "How many messages are kept for an account; beyond them senders get service-unavailable.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        if settings.isAnnounced { registrar.feature("msgoffline") }
        registrar.reserve(.delay) { child, from in child.hasName("delay") && isForged(child, from) }
        registrar.reserve(Self.oldDelay) { child, from in child.hasName("x") && isForged(child, from) }
        registrar.on(Hooks.messageToAccount, .deliver, queueBehindKept)
        registrar.on(Hooks.messageToAccount, .fallback) { event in keep(event) }
        registrar.on(Hooks.sessionRestored, .deliver) { event in
            deliver(to: event.session.record)
            return .go
        }
        registrar.on(Hooks.sessionResumed, .deliver) { event in
            if event.session.priority ?? -1 >= 0 { deliver(to: event.session.record) }
            return .go
        }
        registrar.on(Presence.becameAvailable, .deliver) { event in
            deliver(to: event.session.record)
            return .go
        }
    }

    /// XEP-0091, which the server does not write, but clients believe.
    private static let oldDelay: Namespace = "jabber:x:delay"

    /// A client may not add a delay in the name of a served host, or of another account there.
    private func isForged(_ stamp: Element, _ sender: JID) -> Bool {
        guard let from = stamp["from"] else { return false }
        guard let jid = JID(from) else { return true }
        return host.router.hosts.serves(jid) && !jid.isSameBare(as: sender)
    }

    // MARK: Keeping

    /// A message to store, as it was on arrival.
    private struct Message: Sendable {
        let account: AccountRecord
        let from: JID
        let element: Element
        let time: Timestamp
        let stanza: [UInt8]
        let mark: TracePoint?
    }

    /// A message must not overtake offline messages.
    @Sendable private func queueBehindKept(_ event: inout StanzaContext) -> Verdict {
        guard let account = event.account else { return .go }
        let backlog = account[Self.backlog]
        guard !backlog.isNone, isKept(event), Self.taker(of: account) != nil else { return .go }
        let message = message(of: event, account)
        return .wait {
            // The waiting message itself begins the delivery, so that it ends even if the account has gone offline.
            switch await backlog.decided(beginning: { deliver(to: account) }) {
            case .none, .unknown: .go
            case .busy: keep(message)
            }
        }
    }

    /// Not messages of no later use, XEP-0160 §3, and not those with a hint against storing, XEP-0334.
    private func isKept(_ event: StanzaContext) -> Bool {
        guard event.stanza.type == .chat || event.stanza.type == .normal else { return false }
        let content = MessageContent(of: event.stanza.element)
        return !isFleeting(content) && !content.contains(.noStore)
    }

    private func isFleeting(_ content: MessageContent) -> Bool {
        content.isFleeting || settings.takesBodiesAlone && content.contains(.conversation) && !content.contains(.body)
    }

    private func message(of event: StanzaContext, _ account: AccountRecord) -> Message {
        var writer = XMLWriter(contentNamespace: .none)
        event.write(to: &writer)
        return Message(
            account: account, from: event.from, element: event.stanza.element, time: event.time ?? host.now(),
            stanza: Array(writer.finish().readableBytesView), mark: event.mark)
    }

    private func keep(_ event: StanzaContext) -> Verdict {
        guard let account = event.account else { return .go }
        if isKept(event) { return keep(message(of: event, account)) }
        return isFleeting(MessageContent(of: event.stanza.element)) ? .handled : .go
    }

    private func keep(_ message: Message) -> Verdict {
        let account = message.account
        if let count = account[Self.backlog].count { return keep(message, counted: count) }
        return .wait {
            do throws(StorageError) {
                let count = try await host.storage.archivedCount(
                    ArchiveQuery(collection: ArchiveEntry.offline, owner: account.jid, limit: settings.maximum))
                return keep(message, counted: count)
            } catch {
                return .bounce(host.report(error))
            }
        }
    }

    private func keep(_ message: Message, counted: Int) -> Verdict {
        let account = message.account
        let backlog = account[Self.backlog]
        guard let place = backlog.place(atMost: settings.maximum, counted: counted) else {
            return .bounce(.serviceUnavailable)
        }
        return .keep { changes, submitted, done in
            host.archiveIDs.submitting(at: message.time) { next in
                let entry = ArchiveEntry(
                    id: next(), collection: ArchiveEntry.offline, owner: account.jid, peer: message.from.bare,
                    isIncoming: true, time: message.time, stanza: message.stanza)
                host.storage.submit(changes + [.append(entry)]) { result in
                    place.end(isStored: result.isSuccess)
                    // The account may have come online while its message was being stored.
                    if Self.taker(of: account) != nil || account[Self.backlog].isAwaited { deliver(to: account) }
                    if case .failure(let error) = result { return done(host.report(error)) }
                    host.messageKept(
                        KeptMessage(
                            message: message.element, from: message.from, account: account, host: host,
                            mark: message.mark))
                    done(nil)
                }
            }
            submitted()
        }
    }

    // MARK: Handing over

    private static let backlog = AccountRecord.Slot("offline") { Backlog() }
    private static let handingOver = AccountRecord.Work("offline")
    private static let pageCount = 100
    /// A page ends after so many bytes.
    private var pageBytes: Int {
        min(128 << 10, host.configuration.limits.outgoingQueueSize / 4, (host.resumption?.bytes ?? .max) / 4)
    }

    /// The session that takes messages, preferably one with a connection.
    private static func taker(of account: AccountRecord) -> ClientSession? {
        let sessions = account.sessions.filter { ($0.priority ?? -1) >= 0 && !$0.isLeaving }
        return sessions.first { $0.hibernatesSince == nil } ?? sessions.first
    }

    /// Delivers the offline messages. One delivery at a time for each account; it includes messages stored while it
    /// ends.
    private func deliver(to account: AccountRecord) {
        guard !account[Self.backlog].isEmpty, account.begin(Self.handingOver) else { return }
        host.router.begin {
            repeat {
                await handOver(to: account)
            } while !account.end(Self.handingOver)
        }
    }

    /// Page by page, each when the client has taken the previous one, which is then removed.
    private func handOver(to account: AccountRecord) async {
        let backlog = account[Self.backlog]
        var last: ArchiveID?
        var removed: Commit?
        do throws(StorageError) {
            while true {
                guard let session = Self.taker(of: account) else {
                    backlog.interrupted()
                    break
                }
                let mark = backlog.mark
                let entries = try await host.storage.archived(
                    ArchiveQuery(
                        collection: ArchiveEntry.offline, owner: account.jid, after: last, limit: Self.pageCount,
                        byteLimit: pageBytes))
                guard !entries.isEmpty else {
                    // Messages that are not yet durable begin another delivery when they are.
                    backlog.foundNone(since: mark)
                    break
                }
                backlog.foundSome()
                let isLast =
                    entries.count < Self.pageCount && entries.reduce(0) { $0 + $1.stanza.count } < pageBytes
                // A session with stream management takes them over in the commit that removes them here.
                let newest = entries[entries.count - 1].id
                let isWritten = await session.output.write(committing: [removal(of: account, upTo: newest)]) {
                    transaction in
                    for entry in entries { send(entry, to: session, in: transaction) }
                    // At once, so that following messages are delivered directly. Those not yet durable begin another
                    // delivery.
                    if isLast { backlog.foundNone(since: mark) }
                }
                // If the client is gone, they are delivered next time.
                guard isWritten else {
                    guard Self.taker(of: account) === session else { continue }
                    backlog.interrupted()
                    break
                }
                last = newest
                removed = remove(upTo: newest, of: account)
                if isLast { break }
            }
            // Removals are in order.
            try await removed?.wait()
        } catch {
            backlog.failed()
            _ = host.report(error)
        }
    }

    /// Messages that could not be removed are delivered again.
    private func remove(upTo last: ArchiveID, of account: AccountRecord) -> Commit {
        let commit = Commit()
        host.storage.submit([removal(of: account, upTo: last)], .soon) { result in
            if case .failure(let error) = result { _ = host.report(error) }
            commit.finish(.success(()))
        }
        return commit
    }

    private func removal(of account: AccountRecord, upTo last: ArchiveID) -> StorageChange {
        .removeArchived(
            ArchiveQuery(
                collection: ArchiveEntry.offline, owner: account.jid, before: ArchiveID(rawValue: last.rawValue + 1)))
    }

    private func send(_ entry: ArchiveEntry, to session: ClientSession, in transaction: StanzaTransaction) {
        guard let element = host.element(fromOwn: entry.stanza, "a message that was kept") else { return }
        var stamp = XMLWriter()
        stamp.element("delay", .delay, ["from": host.domain, "stamp": entry.time.xep0082])
        let stamped = stamp.finish()
        let from = element["from"].flatMap { JID($0) }
        session.send(.message, from: from, at: entry.time, in: transaction) { $0.stanza(element, appending: stamped) }
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}
