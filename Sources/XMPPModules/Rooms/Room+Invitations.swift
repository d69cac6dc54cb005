import NIOCore
import XMPPServer

/// Invitations by way of the room, XEP-0045 §7.8.2. Those past it (XEP-0249) are messages like others.
extension Room {
    /// Of one message: more are refused.
    private static let maximumInvitations = 20

    /// An occupant invites people.
    ///
    /// - Parameter element: what the message has for the room.
    func invites(_ element: Element, by session: JID, _ done: @escaping Done) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard let inviter = occupant(session) else { throw .notAcceptable }
            let standing = standing(of: session)
            if standing.role == .visitor { throw .forbidden }
            if configuration.isForMembers, standing.affiliation < .admin, !configuration.letsMembersInvite {
                throw .forbidden
            }
            let invitations = element.children.filter { $0.isNamed("invite", .roomUser) }
            guard invitations.count <= Self.maximumInvitations else { throw .notAcceptable }
            var people: [(JID, Element)] = []
            for invitation in invitations {
                guard let person = invitation["to"].flatMap({ JID($0) }) else { throw .jidMalformed }
                guard service.takesInvitation(by: session) else { throw .resourceConstraint }
                // Who is banned is not for everybody to know.
                if affiliation(of: person) != .outcast { people.append((person, invitation)) }
            }
            let added = Set(people.map(\.0.bare)).filter { configuration.isForMembers && members[$0] == nil }
            guard members.count + added.count <= service.settings.affiliations else { throw .resourceConstraint }
            var changes: [StorageChange] = []
            for (person, invitation) in people {
                // Without that they could not follow it.
                if configuration.isForMembers, affiliation(of: person) == .none {
                    let change = AffiliationChange(person: person.bare, affiliation: .member)
                    changes += apply([change], by: session)
                }
                invite(person, invitation, by: inviter)
            }
            commit(changes, then: done)
        } catch {
            done(error)
        }
    }

    private func invite(_ person: JID, _ invitation: Element, by inviter: Occupant) {
        let reason = invitation.child("reason", .roomUser)?.text
        let goesOn = invitation.child("continue", .roomUser)
        let password = configuration.asksForPassword ? configuration.password : nil
        invited.add(person.bare, by: inviter.jid)
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("from", address.string)
        writer.attribute("to", person.string)
        writer.element("x", .roomUser) { writer in
            writer.element("invite", nil, ["from": inviter.address.string]) { writer in
                if let reason { writer.element("reason", text: reason) }
                if let goesOn { writer.element("continue", nil, ["thread": goesOn["thread"]]) }
            }
            if let password { writer.element("password", text: password) }
        }
        // Clients that know direct invitations alone.
        writer.element("x", .conference, ["jid": address.string, "password": password, "reason": reason])
        writer.end()
        send(writer.finish(), from: address, to: [person])
    }

    /// Somebody does not want to come, and says so to whoever has invited them last. It goes to nobody else, and whether it
    /// has reached anybody is not told: a room is no way to others, and does not say who is there.
    func declines(_ decline: Element, by person: JID) -> StanzaError? {
        guard exists else { return .itemNotFound }
        guard let by = invited.take(person.bare), let inviter = occupants.values.first(where: { $0.isSame(as: by) })
        else { return nil }
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("from", address.string)
        writer.element("x", .roomUser) { writer in
            writer.element("decline", nil, ["from": person.bare.string]) { writer in
                if let reason = decline.child("reason", .roomUser)?.text { writer.element("reason", text: reason) }
            }
        }
        writer.end()
        send(writer.finish(), from: address, to: inviter.sessions.map(\.jid))
        return nil
    }
}
