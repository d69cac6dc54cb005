import NIOCore
import XMPPServer

/// What is said in a room, XEP-0045 §7.4, and its subject, §8.1.
extension Room {
    /// An occupant says something to all.
    func says(_ event: StanzaContext, _ changes: [StorageChange], _ done: @escaping Done) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard let occupant = occupant(event.from) else { throw .notAcceptable }
            guard !output.isFull else { throw .resourceConstraint }
            let message = event.stanza.element
            if let subject = message.child("subject", .client), !message.hasChild("body", .client),
                !message.hasChild("thread", .client)
            {
                return commit(try changes + change(subject.text, by: occupant, event)) { done($0) }
            }
            guard occupant.role >= .participant else { throw .forbidden }
            try pace(message, of: occupant)
            deliver(event, by: occupant, changes, done)
        } catch {
            done(error)
        }
    }

    /// Sends an occupant's message to all.
    private func deliver(
        _ event: StanzaContext, by occupant: Occupant, _ changes: [StorageChange], _ done: @escaping Done
    ) {
        let message = event.stanza.element
        let publication = Publication(
            from: occupant.address, author: occupant.jid,
            marks: ArchiveMarks(of: message, peer: occupant.address),
            isKept: MessageContent(of: message).isArchived
        ) { [self] appended, writer in write(event, by: occupant, appending: appended, to: &writer) }
        publish(publication, changes, after: burial(by: occupant, with: message)) { [self] error in
            if error == nil, publication.isKept {
                tellAbsent(of: message, by: occupant)
                // What corrects another message is none of its own.
                if message.hasChild("body", .client), !message.hasChild("replace", "urn:xmpp:message-correct:0") {
                    activity.sent(at: host.uptime())
                }
            }
            done(error)
        }
    }

    private func write(
        _ event: StanzaContext, by occupant: Occupant, appending appended: ByteBuffer, to writer: inout XMLWriter
    ) {
        var own = XMLWriter()
        own.element("occupant-id", .occupantID, ["id": occupant.id])
        own.raw(appended)
        writer.stanza(
            event.stanza.element, from: occupant.address.string, to: nil, lang: event.origin?.language,
            leavingOut: isRooms, appending: own.finish())
    }

    /// What only the room may say.
    func isRooms(_ child: Element) -> Bool {
        if child.isIn(.occupantID) || child.isIn(.roomUser) || child.isNamed("retracted", Retraction.namespace) {
            return true
        }
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
        try pace(event.stanza.element, of: occupant)
        record.subject = RoomRecord.Subject(text: text, nickname: occupant.nickname, time: host.now())
        var writer = XMLWriter()
        write(event, by: occupant, appending: ByteBuffer(), to: &writer)
        send(writer.finish(), from: occupant.address, to: addresses)
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
