import XMPPServer

/// The archives of rooms, XEP-0313: whoever may enter a room may read what was said there.
struct RoomArchive {
    let service: RoomService

    func register(_ declared: inout Registrar) {
        declared.iq(.get, "query", .archiveManagement, to: .account, needs: .chat) { request in
            answer(request) { reader, _ in reader.form(for: request.payload) }
        }
        declared.iq(.set, "query", .archiveManagement, to: .account, needs: .chat) { request in
            answer(request) { reader, view in reader.query(request, of: request.owner, as: view) }
        }
        declared.iq(.get, "metadata", .archiveManagement, to: .account, needs: .chat) { request in
            answer(request) { reader, _ in reader.describe(request.owner) }
        }
    }

    /// Answers whoever may read the archive.
    private func answer(
        _ request: IQRequest, _ body: @escaping @Sendable (ArchiveReader, ArchiveView) -> Reply
    ) -> Reply {
        guard let reader = service.host.archiveReader else { return .error(.serviceUnavailable) }
        return service.ask(request.owner) { room, answer in
            answer(
                room.refusal(ofReadingBy: request.from).map { .error($0) }
                    ?? body(reader, room.view(for: request.from)))
        }
    }
}

extension Room {
    /// Why somebody may not read what was said, XEP-0313 §6.1.2: only those who may enter do. nil: they may.
    func refusal(ofReadingBy person: JID) -> StanzaError? {
        let affiliation = affiliation(of: person)
        guard exists, !record.isLocked || affiliation == .owner else { return .itemNotFound }
        if affiliation == .outcast || configuration.isForMembers && affiliation < .member { return .forbidden }
        // The password was given by those who are there.
        return configuration.asksForPassword && affiliation != .owner && occupant(person) == nil ? .forbidden : nil
    }

    /// Whether somebody may know who the occupants are.
    func showsAddresses(to person: JID) -> Bool {
        let standing = standing(of: person)
        return configuration.isOpenAboutAddresses || standing.role == .moderator || standing.affiliation >= .admin
    }

    /// The archive as somebody may see it: with real addresses or without.
    func view(for person: JID) -> ArchiveView {
        var view = ArchiveView()
        let (room, showsAddresses) = (address, showsAddresses(to: person))
        view.restrict = { query, address throws(StanzaError) in
            if address.isSameBare(as: room) {
                query.resource = address.resource
            } else if showsAddresses {
                query.peer = address.bare
            } else {
                throw .forbidden
            }
        }
        if showsAddresses {
            view.write = { entry, message, writer in
                // What the room itself has said is nobody's.
                guard entry.peer != room else { return writer.copy(message) }
                var appended = XMLWriter()
                appended.element("x", .roomUser) { $0.element("item", nil, ["jid": entry.peer.string]) }
                writer.stanza(message, appending: appended.finish())
            }
        }
        return view
    }
}
