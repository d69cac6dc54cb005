import NIOCore
import XMPPServer

/// What is said in a room, XEP-0045 §7.4, and its subject, §8.1.
extension Room {
    /// Messages that wait to be sent; beyond that no more are taken.
    private static let maximumWaiting = 500

    /// An occupant says something to all.
    func says(_ event: StanzaContext, _ changes: [StorageChange], _ done: @escaping Done) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard let occupant = occupant(event.from) else { throw .notAcceptable }
            guard output.count < Self.maximumWaiting else { throw .resourceConstraint }
            let message = event.stanza.element
            if let subject = message.child("subject", .client), !message.hasChild("body", .client),
                !message.hasChild("thread", .client)
            {
                return commit(try changes + change(subject.text, by: occupant, event)) { done($0) }
            }
            guard occupant.role >= .participant else { throw .forbidden }
            deliver(event, by: occupant, changes, done)
        } catch {
            done(error)
        }
    }

    /// Sends a message to all. What is kept is stored first: its place in the archive is its place for everybody.
    private func deliver(
        _ event: StanzaContext, by occupant: Occupant, _ changes: [StorageChange], _ done: @escaping Done
    ) {
        guard configuration.keepsHistory, MessageContent(of: event.stanza.element).isArchived else {
            send(written(event, by: occupant, id: nil), from: occupant.address, to: addresses)
            return commit(changes, then: done)
        }
        let now = host.now()
        let reserved = host.archiveIDs.reserve(for: address, at: now)
        let bytes = written(event, by: occupant, id: host.archiveIDs.text(reserved.id))
        let archived = ArchiveEntry(
            id: reserved.id, collection: ArchiveEntry.archive, owner: address, peer: occupant.jid, isIncoming: true,
            time: reserved.id.time(at: now), stanza: stored(event, by: occupant))
        let marks = ArchiveMarks(of: event.stanza.element, peer: event.from)
        let entry = send(bytes, from: occupant.address, to: addresses, isReady: false)
        commit(changes + [.append(archived, marks)]) { [output] error in
            if let entry {
                if error == nil { entry.isReady = true } else { output.drop(entry) }
            }
            done(error)
        }
        withExtendedLifetime(reserved) {}
    }

    /// The message as everybody gets it.
    ///
    /// - Parameter id: its id in the archive; nil: it is not there.
    private func written(_ event: StanzaContext, by occupant: Occupant, id: String?) -> ByteBuffer {
        var appended = XMLWriter()
        appended.element("occupant-id", .occupantID, ["id": occupant.id])
        if let id { StanzaIDs.write(id, by: address, to: &appended) }
        var writer = XMLWriter()
        write(event, by: occupant, appending: appended.finish(), to: &writer)
        return writer.finish()
    }

    /// The message as it is archived: its id there is known without being in it.
    private func stored(_ event: StanzaContext, by occupant: Occupant) -> [UInt8] {
        var appended = XMLWriter()
        appended.element("occupant-id", .occupantID, ["id": occupant.id])
        var writer = XMLWriter(contentNamespace: .none)
        write(event, by: occupant, appending: appended.finish(), to: &writer)
        return Array(writer.finish().readableBytesView)
    }

    private func write(
        _ event: StanzaContext, by occupant: Occupant, appending appended: ByteBuffer, to writer: inout XMLWriter
    ) {
        writer.stanza(
            event.stanza.element, from: occupant.address.string, to: nil, lang: event.origin?.language,
            leavingOut: isRooms, appending: appended)
    }

    /// What only the room may say.
    func isRooms(_ child: Element) -> Bool {
        if child.isIn(.occupantID) || child.isIn(.roomUser) { return true }
        if child.isNamed("stanza-id", .stanzaIDs) { return child["by"].flatMap { JID($0) } == address }
        return child.isNamed("delay", .delay) && child["from"].flatMap { JID($0)?.bare } == address
    }

    // MARK: The subject

    private func change(
        _ text: String, by occupant: Occupant, _ event: StanzaContext
    ) throws(StanzaError) -> [StorageChange] {
        guard occupant.role == .moderator || configuration.letsAllChangeSubject && occupant.role >= .participant else {
            throw .forbidden
        }
        guard text.utf8.count <= service.settings.subjectBytes else { throw .notAcceptable }
        record.subject = RoomRecord.Subject(text: text, nickname: occupant.nickname, time: host.now())
        send(written(event, by: occupant, id: nil), from: occupant.address, to: addresses)
        return [service.store.putting(record, address)]
    }

    /// Writes the present subject for somebody who enters, §7.2.15.
    func write(_ subject: RoomRecord.Subject, to session: JID, to writer: inout XMLWriter) {
        let from = subject.nickname.flatMap { address.with(resource: $0) } ?? address
        writer.start("message", .client)
        writer.attribute("from", from.string)
        writer.attribute("to", session.string)
        writer.attribute("type", "groupchat" as StaticString)
        writer.element("subject", text: subject.text)
        if let time = subject.time { writer.element("delay", .delay, ["from": address.string, "stamp": time.xep0082]) }
        writer.end()
    }
}
