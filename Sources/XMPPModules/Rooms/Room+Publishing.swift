import NIOCore
import XMPPServer

/// What is said to all in a room, in an occupant's name or the room's.
struct Publication: Sendable {
    /// The address that it comes from.
    let from: JID
    /// Whose it is in the archive: a bare JID.
    let author: JID
    var marks = ArchiveMarks.none
    /// Whether it is kept, if the room keeps what is said.
    var isKept = true
    /// Writes it, with what is given behind its own content.
    let write: @Sendable (_ appended: ByteBuffer, _ writer: inout XMLWriter) -> Void
}

extension Room {
    /// Makes changes that have to be found out first.
    typealias Preparation = @Sendable () async -> Result<[StorageChange], StanzaError>

    /// Says something to all. What is kept is stored first: its place in the archive is its place for everybody.
    ///
    /// - Parameters:
    ///   - changes: stored with it.
    ///   - preparation: what else is stored with it; if it fails nothing is said.
    func publish(
        _ publication: Publication, _ changes: [StorageChange], after preparation: Preparation? = nil,
        _ done: @escaping Done
    ) {
        let (now, begun) = (host.now(), generation)
        let isKept = configuration.keepsHistory && publication.isKept
        let reserved = isKept ? host.archiveIDs.reserve(for: address, at: now) : nil
        var appended = XMLWriter()
        if let reserved { StanzaIDs.write(host.archiveIDs.text(reserved.id), by: address, to: &appended) }
        var writer = XMLWriter()
        publication.write(appended.finish(), &writer)
        let entry = send(
            writer.finish(), from: publication.from, to: addresses, isReady: reserved == nil && preparation == nil)
        let archived = reserved.map { archiving(publication, $0.id, at: now) } ?? []
        let finish: @Sendable (Result<[StorageChange], StanzaError>) -> Void = { [self] prepared in
            // The room may be gone by now, or be another one.
            switch begun == generation ? prepared : .failure(.itemNotFound) {
            case .failure(let error):
                if let entry { output.drop(entry) }
                done(error)
            case .success(let prepared):
                commit(changes + prepared + archived) { [output] error in
                    if let entry {
                        if error == nil { entry.isReady = true } else { output.drop(entry) }
                    }
                    done(error)
                }
            }
            // Until its entry is submitted.
            withExtendedLifetime(reserved) {}
        }
        if let preparation { wait(for: preparation, then: finish) } else { finish(.success([])) }
    }

    /// Its id in the archive is known without being in it.
    private func archiving(_ publication: Publication, _ id: ArchiveID, at now: Timestamp) -> [StorageChange] {
        var writer = XMLWriter(contentNamespace: .none)
        publication.write(ByteBuffer(), &writer)
        let entry = ArchiveEntry(
            id: id, collection: ArchiveEntry.archive, owner: address, peer: publication.author, isIncoming: true,
            time: id.time(at: now), stanza: Array(writer.finish().readableBytesView))
        return [.append(entry, publication.marks)]
    }
}
