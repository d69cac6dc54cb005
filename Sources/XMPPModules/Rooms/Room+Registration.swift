import XMPPServer

/// People become members of a room, with a nickname of their own, XEP-0045 §7.10: of an open one at once, of one for members
/// alone when an admin lets them, §9.9.
extension Room {
    static let registrationForm: Namespace = "http://jabber.org/protocol/muc#register"
    private static let nicknameField = "muc#register_roomnick"
    private static let addressField = "muc#jid"
    private static let decisionField = "muc#register_allow"
    /// Admins who are asked.
    private static let maximumAsked = 20

    /// Why somebody may not register; nil: they may.
    private func refusal(of person: JID) -> StanzaError? {
        guard exists, !record.isLocked else { return .itemNotFound }
        switch affiliation(of: person) {
        case .outcast: return .forbidden
        case .none:
            // Nobody gets in, or a voice, by this, unless an admin lets them.
            let isClosed = !asksAdmins && (configuration.isModerated || configuration.asksForPassword)
            let isThere = occupants.values.contains { $0.jid.isSameBare(as: person) && $0.role >= .participant }
            return isClosed && !isThere ? .notAllowed : nil
        case .member, .admin, .owner: return nil
        }
    }

    /// Whether admins are asked about who would become a member.
    private var asksAdmins: Bool { configuration.isForMembers }

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
                    FormField.write([field], inside: Self.registrationForm.name, to: &writer)
                }
            }
        }
    }

    func register(_ query: Element, by session: JID, _ answer: @escaping @Sendable (Reply) -> Void) {
        let person = session.bare
        do throws(StanzaError) {
            // Each is shown to all.
            guard service.takesChange(of: session) else { throw .resourceConstraint }
            if let error = refusal(of: person) { throw error }
            let former = affiliation(of: person)
            guard !query.hasChild("remove", .registration) else {
                var change = AffiliationChange(person: person, affiliation: former == .member ? .none : former)
                change.nickname = ""
                change.reason = members[person]?.reason
                return commit(apply([change], by: session)) { answer($0.map { .error($0) } ?? .ok) }
            }
            guard let form = try DataForm.inside(query, about: Self.registrationForm),
                let nickname = form.fields.first(where: { $0.name == Self.nicknameField })?.values.first
            else { throw .badRequest }
            let change = try registration(of: person, nickname)
            if asksAdmins, former == .none {
                guard service.takesInvitation(by: session) else { throw .resourceConstraint }
                askAdmins(about: change)
                return answer(.ok)
            }
            commit(apply([change], by: session)) { answer($0.map { .error($0) } ?? .ok) }
        } catch {
            answer(.error(error))
        }
    }

    private func registration(of person: JID, _ nickname: String) throws(StanzaError) -> AffiliationChange {
        guard let key = RoomNickname.key(nickname), let place = address.with(resource: nickname) else {
            throw .notAcceptable
        }
        if let owner = reservations[key], owner != person { throw .conflict }
        if let occupant = occupants[key], !occupant.isSame(as: person) { throw .conflict }
        guard members[person] != nil || members.count < service.settings.affiliations else { throw .resourceConstraint }
        return AffiliationChange(
            person: person, affiliation: max(affiliation(of: person), .member), nickname: place.resource,
            reason: members[person]?.reason)
    }

    // MARK: Approval

    /// Asks admins, also those who are not in the room: whoever answers first decides.
    private func askAdmins(about change: AffiliationChange) {
        let admins = members.filter { $0.value.affiliation >= .admin }.map(\.key).prefix(Self.maximumAsked)
        let fields = [
            FormField(name: Self.addressField, type: "jid-single", label: "Address", values: [change.person.string]),
            FormField(
                name: Self.nicknameField, type: "text-single", label: "Nickname",
                values: change.nickname.map { [$0] } ?? []),
            FormField(
                name: Self.decisionField, type: "boolean", label: "Let them become a member of the room?", values: ["0"]
            ),
        ]
        ask(Array(admins), "Somebody asks to become a member", fields, inside: Self.registrationForm.name)
    }

    /// An admin's answer has come. The form says all that there is to know, so that nothing of a request is kept.
    func admits(_ form: DataForm, by session: JID, _ done: @escaping Done) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard affiliation(of: session) >= .admin else { throw .forbidden }
            let values = Dictionary(form.fields.map { ($0.name, $0.values.first ?? "") }) { first, _ in first }
            guard let isAdmitted = values[Self.decisionField].flatMap({ Bool(form: $0) }) else { throw .badRequest }
            guard isAdmitted else { return done(nil) }
            guard let person = values[Self.addressField].flatMap({ JID($0)?.bare }) else { throw .jidMalformed }
            // Another admin was quicker, or the person was banned meanwhile.
            guard affiliation(of: person) == .none else { return done(nil) }
            let change = try registration(of: person, values[Self.nicknameField] ?? "")
            commit(apply([change], by: session)) { [self] error in
                if error == nil { tellMembership(to: person) }
                done(error)
            }
        } catch {
            done(error)
        }
    }

    /// Whoever asked and is not there learns that they may enter now.
    private func tellMembership(to person: JID) {
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("from", address.string)
        writer.element("x", .roomUser) { writer in
            writer.element("item", nil, ["affiliation": affiliation(of: person).rawValue, "jid": person.string])
            writer.element("status", nil, ["code": "101"])
        }
        writer.end()
        send(writer.finish(), from: address, to: [person])
    }
}
