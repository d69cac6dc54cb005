import XMPPServer

/// An archive as somebody may see it.
struct ArchiveView: Sendable {
    /// Restricts a query to messages with an address.
    var restrict: @Sendable (inout ArchiveQuery, _ address: JID) throws(StanzaError) -> Void = { $0.peer = $1 }
    /// Writes an archived message.
    var write: @Sendable (ArchiveEntry, _ message: Element, inout XMLWriter) -> Void = { $2.copy($1) }
}

/// Answers queries of an archive, XEP-0313, whoever owns it: an account, or a room. Who may read it is up to its caller.
struct ArchiveReader: Sendable {
    /// Ends a page after so many bytes of messages; the client then asks for the next.
    private static let pageBytes = 1 << 20

    /// Matching messages are counted up to this number.
    private static let cheapCount = 1000
    /// The maximum bytes of a query's id.
    private static let longestQueryID = 256

    private static let namespace = ArchiveManagement.namespace

    let host: Host
    let settings: ArchiveManagement.Settings

    // MARK: Queries, §4

    /// Answers a query with a page of an archive: a message for each entry, then the position of the page.
    ///
    /// - Parameters:
    ///   - owner: the archive's owner.
    ///   - view: what the asker may see of it.
    func query(_ request: IQRequest, of owner: JID, as view: ArchiveView = ArchiveView()) -> Reply {
        let search: ArchiveSearch
        do throws(StanzaError) {
            search = try ArchiveSearch(
                request.payload, owner: owner, view, pageSize: settings.pageSize, findsWords: settings.findsWords,
                ids: host.archiveIDs)
        } catch {
            return .error(error)
        }
        let queryID = request.payload["queryid"]
        // It is part of each result.
        guard queryID?.utf8.count ?? 0 <= Self.longestQueryID else { return .error(.policyViolation) }
        let asker = request.from
        return .async {
            do throws(StorageError) {
                guard let page = try await read(search) else { return .error(.itemNotFound) }
                let entries = search.isFlipped ? page.entries.reversed() : page.entries
                return .preceded(
                    by: entries.count,
                    { index in result(entries[index], queryID, to: asker, view) },
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
        if query.words != nil { isStable = try await ArchiveFullText.index(query.owner, host) }
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
        guard query.peer?.isFull != true, query.resource == nil else { return nil }
        if isComplete, query == search.query { return entries.count }
        query.restrict(before: host.archiveIDs.frontier(of: query.owner))
        query.limit = Self.cheapCount + 1
        let count = try await host.storage.archivedCount(query)
        return count <= Self.cheapCount ? count : nil
    }

    /// nil: the entry is damaged.
    private func result(
        _ entry: ArchiveEntry, _ queryID: String?, to asker: JID, _ view: ArchiveView
    ) -> Reply.Content? {
        guard let message = host.element(fromOwn: entry.stanza, "a message in an archive") else { return nil }
        return { writer in
            writer.start("message", .client)
            writer.attribute("from", entry.owner.string)
            writer.attribute("to", asker.string)
            writer.start("result", Self.namespace)
            writer.attribute("queryid", queryID)
            writer.attribute("id", host.archiveIDs.text(entry.id))
            writer.element("forwarded", .forward) { writer in
                writer.element("delay", .delay, ["stamp": entry.time.xep0082])
                view.write(entry, message, &writer)
            }
            writer.end()
            writer.end()
        }
    }

    // MARK: The form, §4.1.5

    /// Answers a request for the fields of a query.
    func form(for query: Element) -> Reply {
        query.firstChild == nil ? .result { writeForm(to: &$0) } : .error(.badRequest)
    }

    private func writeForm(to writer: inout XMLWriter) {
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
                        "validate", .formValidation, ["datatype": "xs:string"]
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
    struct Ends: Sendable {
        var first: ArchiveEntry?
        var last: ArchiveEntry?
    }

    /// Answers with the ends of an archive.
    func describe(_ owner: JID) -> Reply {
        .async {
            do throws(StorageError) {
                let ends = try await ends(of: owner)
                return .result { write(ends, to: &$0) }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    func ends(of owner: JID) async throws(StorageError) -> Ends {
        var query = ArchiveQuery(
            collection: ArchiveEntry.archive, owner: owner, before: host.archiveIDs.frontier(of: owner), limit: 1)
        await host.storage.flush()
        let first = try await host.storage.archived(query).first
        query.newestFirst = true
        return Ends(first: first, last: try await host.storage.archived(query).last)
    }

    func write(_ ends: Ends, to writer: inout XMLWriter) {
        writer.element("metadata", Self.namespace) { writer in
            for (name, entry) in [("start", ends.first), ("end", ends.last)] as [(StaticString, ArchiveEntry?)] {
                guard let entry else { continue }
                writer.element(
                    name, nil, ["id": host.archiveIDs.text(entry.id), "timestamp": entry.time.xep0082])
            }
        }
    }
}
