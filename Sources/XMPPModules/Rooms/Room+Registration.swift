import XMPPServer

/// People become members of an open room, with a nickname of their own, XEP-0045 §7.10.
extension Room {
    private static let form: Namespace = "http://jabber.org/protocol/muc#register"
    private static let nicknameField = "muc#register_roomnick"

    /// Why somebody may not register; nil: they may.
    private func refusal(of person: JID) -> StanzaError? {
        guard exists, !record.isLocked else { return .itemNotFound }
        switch affiliation(of: person) {
        case .outcast: return .forbidden
        case .none:
            if configuration.isForMembers { return .notAllowed }
            // Nobody gets in, or a voice, by this.
            let isClosed = configuration.isModerated || configuration.asksForPassword
            let isThere = occupants.values.contains { $0.jid.isSameBare(as: person) && $0.role >= .participant }
            return isClosed && !isThere ? .notAllowed : nil
        case .member, .admin, .owner: return nil
        }
    }

    func registrationForm(for person: JID) -> Reply {
        if let error = refusal(of: person) { return .error(error) }
        let nickname = members[person.bare]?.nickname
        return .result { writer in
            writer.element("query", .registration) { writer in
                if let nickname {
                    writer.element("registered")
                    writer.element("username", text: nickname)
                }
                writer.element("x", .dataForms, ["type": "form"]) { writer in
                    writer.element("title", text: "Become a member of the room")
                    let field = FormField(
                        name: Self.nicknameField, type: "text-single", label: "Nickname",
                        values: nickname.map { [$0] } ?? [])
                    FormField.write([field], inside: Self.form.name, to: &writer)
                }
            }
        }
    }

    func register(_ query: Element, by session: JID, _ answer: @escaping @Sendable (Reply) -> Void) {
        let person = session.bare
        do throws(StanzaError) {
            if let error = refusal(of: person) { throw error }
            let former = affiliation(of: person)
            var change: AffiliationChange
            if query.hasChild("remove", .registration) {
                change = AffiliationChange(person: person, affiliation: former == .member ? .none : former)
                change.nickname = ""
            } else {
                guard let form = try DataForm.inside(query, about: Self.form),
                    let nickname = form.fields.first(where: { $0.name == Self.nicknameField })?.values.first
                else { throw .badRequest }
                guard let key = RoomNickname.key(nickname), let place = address.with(resource: nickname) else {
                    throw .notAcceptable
                }
                if let owner = reservations[key], owner != person { throw .conflict }
                if let occupant = occupants[key], !occupant.isSame(as: person) { throw .conflict }
                guard members[person] != nil || members.count < service.settings.affiliations else {
                    throw .resourceConstraint
                }
                change = AffiliationChange(person: person, affiliation: max(former, .member))
                change.nickname = place.resource
            }
            change.reason = members[person]?.reason
            commit(apply([change], by: session)) { answer($0.map { .error($0) } ?? .ok) }
        } catch {
            answer(.error(error))
        }
    }
}
