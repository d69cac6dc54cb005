import NIOCore
import XMPPServer

/// What somebody who enters wants to see of what was said, XEP-0045 §7.2.14.
struct HistoryRequest: Sendable, Equatable {
    var stanzas = Int.max
    var characters = Int.max
    /// Seconds.
    var age: Int?
    var since: Timestamp?

    init() {}

    /// - Parameter entry: the element `x`. What is no number is left out, as clients have always been let in with it.
    init(_ entry: Element) {
        guard let history = entry.child("history", .rooms) else { return }
        let number = { (name: StaticString) -> Int? in
            history[name].flatMap { Int(schema: $0) }.flatMap { $0 < 0 ? nil : $0 }
        }
        if let value = number("maxstanzas") { stanzas = value }
        if let value = number("maxchars") { characters = value }
        age = number("seconds")
        since = history["since"].flatMap { Timestamp($0) }
    }

    /// The messages that fit, of those that came last, oldest first.
    static func fitting<Item>(_ items: [Item], characters: Int, _ count: (Item) -> Int) -> ArraySlice<Item> {
        var (first, rest) = (items.count, characters)
        while first > 0 {
            let size = count(items[first - 1])
            guard size <= rest else { break }
            rest -= size
            first -= 1
        }
        return items[first...]
    }
}

extension Room {
    /// Sends what was said lately. What the room sends after it waits.
    func sendHistory(_ asked: HistoryRequest, to session: JID, _ origin: (any StanzaOrigin)?) {
        let most = min(asked.stanzas, configuration.history ?? service.settings.history, service.settings.history)
        guard configuration.keepsHistory, most > 0, asked.characters > 0 else { return }
        let entry = RoomOutput.Entry(.steps { _ in false }, isReady: false)
        entry.prepare = { [self] in
            var query = ArchiveQuery(
                collection: ArchiveEntry.archive, owner: address, limit: most, byteLimit: ResultSet.pageBytes * 8,
                newestFirst: true)
            let now = host.now()
            if let since = asked.since { query.restrict(since: since) }
            if let age = asked.age {
                let (milliseconds, isHuge) = Int64(age).multipliedReportingOverflow(by: 1000)
                if !isHuge, milliseconds <= now.milliseconds {
                    query.restrict(since: Timestamp(milliseconds: now.milliseconds - milliseconds))
                }
            }
            host.router.begin { [self, query] in
                do throws(StorageError) {
                    let found = try await host.storage.archived(query)
                    later { [self] in
                        entry.content = steps(found, asked, session, origin)
                        entry.isReady = true
                    }
                } catch {
                    // Whoever enters is told nothing of it: they are in the room, and can ask its archive.
                    _ = host.report(error)
                    later { entry.isReady = true }
                }
            }
        }
        output.append(entry)
    }

    private func steps(
        _ found: [ArchiveEntry], _ asked: HistoryRequest, _ session: JID, _ origin: (any StanzaOrigin)?
    ) -> RoomOutput.Entry.Content {
        let written = found.compactMap { entry -> ByteBuffer? in
            guard let message = host.element(fromOwn: entry.stanza, "a message in a room's archive"),
                message.hasChild("body", .client)
            else { return nil }
            return write(entry, message, to: session)
        }
        var rest = HistoryRequest.fitting(written, characters: asked.characters) { $0.readableBytes }
        return .steps { [self] count in
            for bytes in rest.prefix(count) { tell(session, .message, origin) { $0.raw(bytes) } }
            rest = rest.dropFirst(count)
            return !rest.isEmpty
        }
    }

    private func write(_ entry: ArchiveEntry, _ message: Element, to session: JID) -> ByteBuffer {
        var appended = XMLWriter()
        StanzaIDs.write(host.archiveIDs.text(entry.id), by: address, to: &appended)
        appended.element("delay", .delay, ["from": address.string, "stamp": entry.time.xep0082])
        var writer = XMLWriter()
        writer.stanza(message, from: message["from"], to: session.string, appending: appended.finish())
        return writer.finish()
    }
}
