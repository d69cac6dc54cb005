import NIOCore
import XMPPServer

/// XEP-0136 §7: archives as collections. The messages that two people exchanged on one day (UTC) form a collection,
/// which is identified by the peer's bare JID and the time of its first message.
///
/// Left out: manual archiving (§5), replication (§9), threads.
struct MessageCollections: Sendable {
    private static let namespace = MessageArchiving.namespace
    /// The maximum number of collections or messages in one answer.
    private static let pageSize = 100

    let host: Host

    func register(_ registrar: inout Registrar) {
        registrar.accountIQ(.get, "list", Self.namespace, to: [.server, .ownAccount], needs: .readHistory, list)
        registrar.accountIQ(
            .get, "retrieve", Self.namespace, to: [.server, .ownAccount], needs: .readHistory, retrieve)
        registrar.accountIQ(.set, "remove", Self.namespace, to: [.server, .ownAccount], needs: .manageHistory, remove)
    }

    // MARK: List, §7.1

    @Sendable private func list(_ request: AccountRequest) -> Reply {
        var whole: ArchiveQuery
        var query: ArchiveQuery
        let page: ResultSet
        do throws(StanzaError) {
            page = try ResultSet(of: request.payload)
            whole = try span(of: request)
            query = try restrict(whole, to: page)
        } catch {
            return .error(error)
        }
        let limit = min(page.maximum ?? Self.pageSize, Self.pageSize)
        query.limit = limit
        query.newestFirst = page.isBackward
        return .async { [query] in
            do throws(StorageError) {
                await host.storage.flush()
                let collections = try await host.storage.archiveCollections(query)
                return .result { writer in
                    writer.element("list", Self.namespace) { writer in
                        for chat in collections {
                            writer.element(
                                "chat", nil,
                                ["with": chat.peer.string, "start": chat.first.time.xep0082, "version": "0"])
                        }
                        guard let first = collections.first, let last = collections.last else { return }
                        ResultSet.write(
                            first: host.archiveIDs.text(first.first.id), last: host.archiveIDs.text(last.first.id),
                            count: nil, to: &writer)
                    }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    // MARK: Retrieve, §7.2

    @Sendable private func retrieve(_ request: AccountRequest) -> Reply {
        guard let with = request.payload["with"], let text = request.payload["start"] else {
            return .error(.badRequest)
        }
        guard let peer = JID(with)?.bare else { return .error(.jidMalformed) }
        guard let start = Timestamp(text) else { return .error(.badRequest) }
        let whole = collection(request.record.jid, peer, start)
        var query: ArchiveQuery
        let page: ResultSet
        do throws(StanzaError) {
            page = try ResultSet(of: request.payload)
            query = try restrict(whole, to: page)
        } catch {
            return .error(error)
        }
        query.limit = min(page.maximum ?? Self.pageSize, Self.pageSize)
        query.byteLimit = ResultSet.pageBytes
        query.newestFirst = page.isBackward
        return .async { [query] in
            do throws(StorageError) {
                await host.storage.flush()
                guard try await exists(whole, start) else { return .error(.itemNotFound) }
                let found = try await host.storage.archived(query)
                let entries = ResultSet.fitting(found, isBackward: page.isBackward) { $0.stanza.count }
                let count = try await host.storage.archivedCount(whole)
                let previous = try await previous(to: entries.first, in: whole)?.time ?? start
                return .result { writer in
                    writer.start("chat", Self.namespace)
                    for (name, value) in [("with", peer.string), ("start", start.xep0082)] as [(StaticString, String)] {
                        writer.attribute(name, value)
                    }
                    writer.attribute("version", count - 1)
                    write(entries, behind: previous, from: start, to: &writer)
                    ResultSet.write(
                        first: entries.first.map { host.archiveIDs.text($0.id) },
                        last: entries.last.map { host.archiveIDs.text($0.id) }, count: count, to: &writer)
                    writer.end()
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    /// The message before the page; nil if the page begins the collection.
    private func previous(
        to first: ArchiveEntry?, in collection: ArchiveQuery
    ) async throws(StorageError) -> ArchiveEntry? {
        guard let first else { return nil }
        var query = collection
        query.restrict(before: first.id)
        query.limit = 1
        query.newestFirst = true
        return try await host.storage.archived(query).last
    }

    /// Each with the seconds after the previous one, rounded so that they add up, §4.6.
    private func write(
        _ entries: [ArchiveEntry], behind previous: Timestamp, from start: Timestamp, to writer: inout XMLWriter
    ) {
        func seconds(_ time: Timestamp) -> Int64 { (time.milliseconds - start.milliseconds) / 1000 }
        var last = seconds(previous)
        for entry in entries {
            guard let message = host.element(fromOwn: entry.stanza, "a message in an archive"),
                message.hasChild("body", .client)
            else { continue }
            writer.element(entry.isIncoming ? "from" : "to", nil, ["secs": String(seconds(entry.time) - last)]) {
                writer in
                for child in message.children where child.isNamed("body", .client) {
                    writer.element("body", text: child.text)
                }
            }
            last = seconds(entry.time)
        }
    }

    // MARK: Remove, §7.3

    @Sendable private func remove(_ request: AccountRequest) -> Reply {
        // No collection is being recorded: messages are in theirs at once.
        if ["true", "1"].contains(request.payload["open"]) { return .error(.itemNotFound) }
        var query: ArchiveQuery
        var start: Timestamp?
        do throws(StanzaError) {
            query = try span(of: request)
            if let peer = query.peer, request.payload["end"] == nil, let text = request.payload["start"] {
                guard let moment = Timestamp(text) else { return .error(.badRequest) }
                start = moment
                query = collection(query.owner, peer, moment)
            }
        } catch {
            return .error(error)
        }
        return .async { [query, start] in
            do throws(StorageError) {
                await host.storage.flush()
                if let start, try await !exists(query, start) { return .error(.itemNotFound) }
                return try await host.storage.removeArchived(query) > 0 ? .ok : .error(.itemNotFound)
            } catch {
                return .error(host.report(error))
            }
        }
    }

    // MARK: Queries

    /// The range of `with`, `start` and `end`.
    private func span(of request: AccountRequest) throws(StanzaError) -> ArchiveQuery {
        var query = ArchiveQuery(collection: ArchiveEntry.archive, owner: request.record.jid)
        if let with = request.payload["with"] {
            guard let peer = JID(with)?.bare else { throw .jidMalformed }
            query.peer = peer
        }
        if let text = request.payload["start"] {
            guard let start = Timestamp(text) else { throw .badRequest }
            query.restrict(since: start)
        }
        if let text = request.payload["end"] {
            guard let end = Timestamp(text) else { throw .badRequest }
            query.restrict(until: end)
        }
        query.restrict(before: host.archiveIDs.frontier(of: query.owner))
        return query
    }

    /// All messages of the collection that begins at that time.
    private func collection(_ owner: JID, _ peer: JID, _ start: Timestamp) -> ArchiveQuery {
        var query = ArchiveQuery(collection: ArchiveEntry.archive, owner: owner, peer: peer)
        query.restrict(since: start)
        let day: Int64 = 86_400_000
        let (days, _) = max(start.milliseconds, 0).quotientAndRemainder(dividingBy: day)
        query.restrict(until: Timestamp(milliseconds: (days + 1) * day))
        query.restrict(before: host.archiveIDs.frontier(of: query.owner))
        return query
    }

    private func exists(_ collection: ArchiveQuery, _ start: Timestamp) async throws(StorageError) -> Bool {
        var first = collection
        first.limit = 1
        return try await host.storage.archiveCollections(first).first?.first.time == start
    }

    private func restrict(_ query: ArchiveQuery, to page: ResultSet) throws(StanzaError) -> ArchiveQuery {
        var query = query
        func id(_ text: String) throws(StanzaError) -> ArchiveID {
            guard let id = host.archiveIDs.id(text) else { throw .itemNotFound }
            return id
        }
        switch page.place {
        case .first, .last: break
        case .after(let text): query.restrict(after: try id(text))
        case .before(let text): query.restrict(before: try id(text))
        }
        if let until = page.until { query.restrict(after: try id(until)) }
        return query
    }
}
