import NIOCore
import XMPPServer

/// The owner's configuration of a room, and its end, XEP-0045 §10.
extension Room {
    private static let form = "http://jabber.org/protocol/muc#roomconfig"
    private static let adminsField = "muc#roomconfig_roomadmins"
    private static let ownersField = "muc#roomconfig_roomowners"

    /// Answers with the form, §10.2.
    func configurationForm(for person: JID) -> Reply {
        guard exists else { return .error(.itemNotFound) }
        guard affiliation(of: person) == .owner else { return .error(.forbidden) }
        let people = [(Self.adminsField, RoomAffiliation.admin), (Self.ownersField, .owner)].map { name, affiliation in
            FormField(
                name: name, type: "jid-multi",
                label: affiliation == .admin ? "Who the admins are" : "Who the owners are",
                values: members.filter { $0.value.affiliation == affiliation }.map(\.key.string).sorted())
        }
        let fields = configuration.fields + people
        return .result { writer in
            writer.element("query", .roomOwner) { writer in
                writer.element("x", .dataForms, ["type": "form"]) { writer in
                    writer.element("title", text: "The room's configuration")
                    FormField.write(fields, inside: Self.form, to: &writer)
                }
            }
        }
    }

    /// Changes the configuration, §10.1.2 and 10.2; nobody else enters a new room before.
    func configure(_ query: Element, by person: JID, _ answer: @escaping @Sendable (Reply) -> Void) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard affiliation(of: person) == .owner else { throw .forbidden }
            if let destroy = query.child("destroy", .roomOwner) { return self.destroy(destroy, answer) }
            guard let form = query.child("x", .dataForms) else { throw .badRequest }
            if form["type"] == "cancel" { return cancel(answer) }
            let filledIn = try DataForm(form)
            guard filledIn.type == nil || filledIn.type == Self.form else { throw .badRequest }
            commit(try configure(filledIn, by: person)) { answer($0.map { .error($0) } ?? .ok) }
        } catch {
            answer(.error(error))
        }
    }

    /// Takes over what an owner, or an administrator, has filled in.
    func configure(_ form: DataForm, by person: JID) throws(StanzaError) -> [StorageChange] {
        var changed = record
        let others = try changed.configuration.apply(form, maximum: service.settings.occupants)
        let people = try affiliationChanges(others)
        if let error = refusal(of: people, by: RoomStanding(affiliation: .owner, role: .moderator), person) {
            throw error
        }
        changed.isLocked = false
        let former = exchange(&record, with: changed)
        var changes = former == record ? [] : [service.store.putting(record, address)]
        changes += apply(people, by: person)
        if configuration.keepDays != former.configuration.keepDays {
            changes.append(service.retention.setting(configuration.keepDays, for: address))
        }
        if !former.isLocked { changes += take(former.configuration) }
        return changes
    }

    /// A new room is given up, §10.1.3.
    private func cancel(_ answer: @escaping @Sendable (Reply) -> Void) {
        guard record.isLocked else { return answer(.ok) }
        commit(close(nil, RoomPresence.Cause())) { answer($0.map { .error($0) } ?? .ok) }
    }

    /// What the form says of admins and owners, which are lists of all there are.
    private func affiliationChanges(
        _ fields: [(name: String, values: [String])]
    ) throws(StanzaError) -> [AffiliationChange] {
        var changes: [JID: AffiliationChange] = [:]
        for (name, values) in fields {
            let affiliation: RoomAffiliation
            switch name {
            case Self.adminsField: affiliation = .admin
            case Self.ownersField: affiliation = .owner
            default: throw .notAcceptable
            }
            var listed: Set<JID> = []
            for value in values where !value.isEmpty {
                guard let jid = JID(value)?.bare else { throw .jidMalformed }
                listed.insert(jid)
                if self.affiliation(of: jid) != affiliation {
                    changes[jid] = AffiliationChange(person: jid, affiliation: affiliation)
                }
            }
            for (jid, member) in members where member.affiliation == affiliation && !listed.contains(jid) {
                guard changes[jid] == nil else { continue }
                changes[jid] = AffiliationChange(person: jid, affiliation: .none)
            }
        }
        guard changes.count <= Self.maximumItems else { throw .notAcceptable }
        return Array(changes.values)
    }

    /// Does what follows from another configuration: §10.2.1 says who is told what.
    private func take(_ former: RoomConfiguration) -> [StorageChange] {
        let now = configuration
        guard now != former else { return [] }
        var changes: [StorageChange] = []
        if now.isForMembers, !former.isForMembers {
            for session in Array(nicknames.keys) where affiliation(of: session) < .member {
                changes += removeSession(session, RoomPresence.Cause(codes: [322]))
            }
        }
        var codes: [Int] = []
        if now.keepsHistory != former.keepsHistory { codes.append(now.keepsHistory ? 170 : 171) }
        if now.whois != former.whois { codes.append(now.isOpenAboutAddresses ? 172 : 173) }
        if codes.isEmpty { codes = [104] }
        announce(codes)
        // Real addresses are shown from now on.
        if now.isOpenAboutAddresses, !former.isOpenAboutAddresses {
            for occupant in occupants.values {
                show(RoomPresence(occupant: occupant, affiliation: affiliation(of: occupant.jid)))
            }
        }
        return changes
    }

    /// Tells all occupants something in the room's name.
    func announce(_ codes: [Int]) {
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("type", "groupchat" as StaticString)
        writer.attribute("from", address.string)
        writer.element("x", .roomUser) { writer in
            for code in codes { writer.element("status", nil, ["code": String(code)]) }
        }
        writer.end()
        send(writer.finish(), from: address, to: addresses)
    }

    // MARK: The end

    /// §10.9.
    private func destroy(_ destroy: Element, _ answer: @escaping @Sendable (Reply) -> Void) {
        let changes = self.destroy(
            destroy["jid"].flatMap { JID($0) }, reason: destroy.child("reason", .roomOwner)?.text,
            password: destroy.child("password", .roomOwner)?.text)
        commit(changes) { answer($0.map { .error($0) } ?? .ok) }
    }

    /// Ends the room.
    ///
    /// - Parameters:
    ///   - alternative: where people may go.
    ///   - password: what they have to say there.
    func destroy(_ alternative: JID?, reason: String?, password: String? = nil) -> [StorageChange] {
        var writer = XMLWriter()
        writer.start("destroy", .roomUser)
        writer.attribute("jid", alternative?.string)
        if let reason { writer.element("reason", text: reason) }
        if let password { writer.element("password", text: password) }
        writer.end()
        return close(writer.finish(), RoomPresence.Cause())
    }

    /// Ends the room, and puts everybody out.
    ///
    /// - Parameter destruction: the element that says so.
    func close(_ destruction: ByteBuffer?, _ cause: RoomPresence.Cause) -> [StorageChange] {
        for occupant in occupants.values {
            var presence = RoomPresence(occupant: occupant, affiliation: .none)
            presence.isUnavailable = true
            presence.cause = cause
            presence.destruction = destruction
            show(presence, isShown: false)
        }
        for key in Array(occupants.keys) { remove(key) }
        return vanish()
    }
}
