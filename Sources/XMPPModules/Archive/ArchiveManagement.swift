import NIOCore
import XMPPServer

/// XEP-0313: Message Archive Management: reading archives by pages.
///
///     C: <iq type="set" id="q1"><query xmlns="urn:xmpp:mam:2" queryid="f27">
///          <x xmlns="jabber:x:data" type="submit">…</x>
///          <set xmlns="http://jabber.org/protocol/rsm"><max>50</max><before/></set></query></iq>
///     S: <message from="…" to="…"><result xmlns="urn:xmpp:mam:2" queryid="f27" id="…">
///          <forwarded xmlns="urn:xmpp:forward:0"><delay …/><message …/></forwarded></result></message> …
///     S: <iq type="result" id="q1"><fin xmlns="urn:xmpp:mam:2" complete="true"><set …/></fin></iq>
struct ArchiveManagement: ServerModule {
    static let info = ModuleInfo(
        "mam", implements: [.xep(313, "1.1.3"), .xep(59, "1.0"), .xep(297, "1.0")], requires: ["archive"],
        summary: "People read their archives.")

    static let namespace: Namespace = .archiveManagement

    /// Ends a page after so many bytes of messages; the client then asks for the next.
    private static let pageBytes = 1 << 20

    /// Matching messages are counted up to this number.
    private static let cheapCount = 1000
    /// The maximum bytes of a query's id.
    private static let longestQueryID = 256

    struct Settings: ModuleSettings {
        let findsWords: Bool
        let pageSize: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            findsWords = profile.offers(ArchiveFullText.info.name)
            pageSize = section.integer(
                "page-size", default: 250, in: 1...5000,
                "How many messages are sent at most for one query; also if the client does not say how many it wants.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        for feature in [Self.namespace, "urn:xmpp:mam:2#extended"] {
            registrar.accountFeature(feature)
            // Some clients look for it on the host.
            registrar.feature(feature)
        }
        registrar.reserve(Self.namespace) { child, _ in child.hasName("result") }
        registrar.accountIQ(.get, "query", Self.namespace, to: .ownAccount, needs: .readHistory) { request in
            if request.payload.firstChild != nil { return .error(.badRequest) }
            return .result(writeForm)
        }
        registrar.clientIQ(.set, "query", Self.namespace, to: .ownAccount, needs: .readHistory, query)
        registrar.accountIQ(.get, "metadata", Self.namespace, to: .ownAccount, needs: .readHistory, describe)
        // XEP-0386 §3.3: tells a new session the ends of the archive, unless the storage fails.
        registrar.bindFeature(
            Self.namespace, isAnnounced: false, needs: .readHistory,
            reading: { record -> Eventual<Ends?> in
                .later {
                    do throws(StorageError) {
                        return try await ends(of: record.jid)
                    } catch {
                        _ = host.report(error)
                        return nil
                    }
                }
            },
            { _, ends, _, writer in
                if let ends { write(ends, to: &writer) }
            })
        // The same for accounts that do not exist.
        registrar.iq(.get, "query", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        registrar.iq(.set, "query", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
        registrar.iq(.get, "metadata", Self.namespace, to: .account, needs: .chat) { _ in .error(.forbidden) }
    }

    // MARK: Queries, §4

    @Sendable private func query(_ request: ClientRequest) -> Reply {
        let owner = request.record.jid
        let search: ArchiveSearch
        do throws(StanzaError) {
            search = try ArchiveSearch(
                request.payload, owner: owner, pageSize: settings.pageSize, findsWords: settings.findsWords,
                ids: host.archiveIDs)
        } catch {
            return .error(error)
        }
        let queryID = request.payload["queryid"]
        // It is part of each result.
        guard queryID?.utf8.count ?? 0 <= Self.longestQueryID else { return .error(.policyViolation) }
        return .async {
            do throws(StorageError) {
                guard let page = try await read(search) else { return .error(.itemNotFound) }
                let entries = search.isFlipped ? page.entries.reversed() : page.entries
                return .preceded(
                    by: entries.count,
                    { index, session in send(entries[index], queryID, to: session) },
                    { writer in
                        writer.start("fin", Self.namespace)
                        if page.isComplete { writer.attribute("complete", "true" as StaticString) }
                        if !page.isStable { writer.attribute("stable", "false" as StaticString) }
                        ResultSet.write(
                            first: page.entries.first.map { host.archiveIDs.text($0.id) },
                            last: page.entries.last.map { host.archiveIDs.text($0.id) }, count: page.count, to: &writer)
                        writer.end()
                    })
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private struct Page: Sendable {
        var entries: [ArchiveEntry]
        var isComplete: Bool
        var count: Int?
        /// Whether the same query will have the same result, §4.3.2.
        var isStable = true
    }

    /// - Returns: nil if the client named an entry that does not exist.
    private func read(_ search: ArchiveSearch) async throws(StorageError) -> Page? {
        var query = search.query
        query.restrict(before: host.archiveIDs.frontier(of: query.owner))
        // Delivered messages must be found even if their commit is still queued.
        await host.storage.flush()
        if !search.named.isEmpty {
            let named = ArchiveQuery(
                collection: query.collection, owner: query.owner, ids: Array(search.named), limit: search.named.count)
            guard try await host.storage.archivedCount(named) == search.named.count else { return nil }
        }
        var isStable = true
        if query.words != nil { isStable = try await ArchiveFullText.index(host) }
        guard search.maximum > 0 else {
            query.limit = .max
            let count = try await host.storage.archivedCount(query)
            return Page(entries: [], isComplete: count == 0, count: count, isStable: isStable)
        }
        // One more than fits, to know whether there are more.
        query.limit = search.maximum + 1
        query.byteLimit = Self.pageBytes
        query.newestFirst = search.isBackward
        var entries = try await host.storage.archived(query)
        let isFull = entries.count > search.maximum
        if isFull { if search.isBackward { entries.removeFirst() } else { entries.removeLast() } }
        // XEP-0059 §2.2: a short page need not be the last one.
        let isComplete = !isFull && entries.reduce(0) { $0 + $1.stanza.count } < Self.pageBytes
        let count = try await count(search, entries, isComplete)
        return Page(entries: entries, isComplete: isComplete, count: count, isStable: isStable)
    }

    /// The number of matching messages on all pages, if it is cheap to determine.
    private func count(
        _ search: ArchiveSearch, _ entries: [ArchiveEntry], _ isComplete: Bool
    ) async throws(StorageError) -> Int? {
        var query = search.wholeResult
        guard query.peer?.isFull != true else { return nil }
        if isComplete, query == search.query { return entries.count }
        query.restrict(before: host.archiveIDs.frontier(of: query.owner))
        query.limit = Self.cheapCount + 1
        let count = try await host.storage.archivedCount(query)
        return count <= Self.cheapCount ? count : nil
    }

    private func send(_ entry: ArchiveEntry, _ queryID: String?, to session: ClientSession) {
        guard let element = host.element(fromOwn: entry.stanza, "a message in an archive") else { return }
        session.send(.message) { writer in
            writer.start("message", .client)
            writer.attribute("from", entry.owner.string)
            writer.attribute("to", session.jid.string)
            writer.start("result", Self.namespace)
            writer.attribute("queryid", queryID)
            writer.attribute("id", host.archiveIDs.text(entry.id))
            writer.element("forwarded", .forward) { writer in
                writer.element("delay", .delay, ["stamp": entry.time.xep0082])
                writer.copy(element)
            }
            writer.end()
            writer.end()
        }
    }

    // MARK: The form, §4.1.5

    @Sendable private func writeForm(to writer: inout XMLWriter) {
        writer.element("query", Self.namespace) { writer in
            writer.element("x", .dataForms, ["type": "form"]) { writer in
                writer.element("field", nil, ["type": "hidden", "var": "FORM_TYPE"]) {
                    $0.element("value", text: Self.namespace.name)
                }
                writer.element("field", nil, ["type": "jid-single", "var": "with"])
                for name in ["start", "end", "before-id", "after-id"] {
                    writer.element("field", nil, ["type": "text-single", "var": name])
                }
                writer.element("field", nil, ["type": "list-multi", "var": "ids"]) { writer in
                    writer.element(
                        "validate", "http://jabber.org/protocol/xdata-validate", ["datatype": "xs:string"]
                    ) { $0.element("open") }
                }
                if settings.findsWords {
                    writer.element("field", nil, ["type": "text-single", "var": ArchiveFullText.field])
                }
            }
        }
    }

    // MARK: Metadata, §5

    /// The first and the last entry of an archive.
    private struct Ends: Sendable {
        var first: ArchiveEntry?
        var last: ArchiveEntry?
    }

    @Sendable private func describe(_ request: AccountRequest) -> Reply {
        let owner = request.record.jid
        return .async {
            do throws(StorageError) {
                let ends = try await ends(of: owner)
                return .result { write(ends, to: &$0) }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private func ends(of owner: JID) async throws(StorageError) -> Ends {
        var query = ArchiveQuery(
            collection: ArchiveEntry.archive, owner: owner, before: host.archiveIDs.frontier(of: owner), limit: 1)
        await host.storage.flush()
        let first = try await host.storage.archived(query).first
        query.newestFirst = true
        return Ends(first: first, last: try await host.storage.archived(query).last)
    }

    private func write(_ ends: Ends, to writer: inout XMLWriter) {
        writer.element("metadata", Self.namespace) { writer in
            for (name, entry) in [("start", ends.first), ("end", ends.last)] as [(StaticString, ArchiveEntry?)] {
                guard let entry else { continue }
                writer.element(
                    name, nil, ["id": host.archiveIDs.text(entry.id), "timestamp": entry.time.xep0082])
            }
        }
    }
}
