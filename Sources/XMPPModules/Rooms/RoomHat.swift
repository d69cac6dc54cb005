import XMPPServer

/// XEP-0317: what somebody is in a room beside what XEP-0045 knows, such as a teacher.
struct RoomHat: Sendable, Equatable {
    static let namespace: Namespace = "urn:xmpp:hats:0"

    let uri: String
    let title: String
    /// An angle between 0 and 360; nil: none.
    let hue: String?

    static func write(_ hats: [RoomHat], to writer: inout XMLWriter) {
        guard !hats.isEmpty else { return }
        writer.element("hats", namespace) { writer in
            for hat in hats { writer.element("hat", nil, ["uri": hat.uri, "title": hat.title, "hue": hat.hue]) }
        }
    }
}

/// The commands at a room's address by which its admins make hats and put them on people.
extension Room {
    enum HatCommand: String, CaseIterable {
        case create, destroy, list, assign, unassign
        case listAssigned = "list-assigned"

        static let prefix = "urn:xmpp:hats:commands:"

        var title: String {
            switch self {
            case .create: "Make a hat"
            case .destroy: "Destroy a hat"
            case .list: "All hats"
            case .assign: "Put a hat on somebody"
            case .unassign: "Take a hat from somebody"
            case .listAssigned: "Who wears hats"
            }
        }

        fileprivate var fields: [String] {
            switch self {
            case .create: ["hats#title", "hats#uri", "hats#hue"]
            case .destroy: ["hats#uri"]
            case .assign, .unassign: ["hats#jid", "hats#uri"]
            case .list, .listAssigned: []
            }
        }
    }

    private static let hatForm = "urn:xmpp:hats:commands"
    private static let maximumHats = 50
    private static let maximumHatsOfOne = 10
    private static let maximumHatBytes = 256
    private static let maximumHueBytes = 16

    /// Answers a command about hats.
    func hats(_ request: IQRequest, _ answer: @escaping @Sendable (Reply) -> Void) {
        let payload = request.payload
        do throws(StanzaError) {
            guard exists, let node = payload["node"], node.hasPrefix(HatCommand.prefix),
                let command = HatCommand(rawValue: String(node.dropFirst(HatCommand.prefix.count)))
            else { throw .itemNotFound }
            guard affiliation(of: request.from) >= .admin else { throw .forbidden }
            let session = payload["sessionid"] ?? SecureRandom.text(length: 12)
            if payload["action"] == "cancel" { return answer(Self.reply(node, session, "canceled") { _ in }) }
            switch command {
            case .list: return answer(Self.reply(node, session, "completed", allHats))
            case .listAssigned: return answer(Self.reply(node, session, "completed", assignedHats))
            case .create, .destroy, .assign, .unassign: break
            }
            guard let filledIn = payload.child("x", .dataForms) else {
                return answer(Self.reply(node, session, "executing", form(of: command)))
            }
            guard service.takesChange(of: request.from) else { throw StanzaError(.resourceConstraint) }
            let changes = try apply(command, DataForm(filledIn))
            commit(changes) { answer($0.map { .error($0) } ?? Self.reply(node, session, "completed") { _ in }) }
        } catch {
            answer(.error(error))
        }
    }

    /// The hats that somebody wears.
    func hats(of person: JID) -> [RoomHat] {
        guard let uris = members[person]?.hats, !uris.isEmpty else { return [] }
        return record.hats.filter { uris.contains($0.uri) }
    }

    // MARK: Changes

    private static func isHue(_ text: String) -> Bool {
        text.utf8.count <= maximumHueBytes && Double(text).map { (0...360).contains($0) } ?? false
    }

    private func apply(_ command: HatCommand, _ form: DataForm) throws(StanzaError) -> [StorageChange] {
        func value(_ name: String) -> String? { form.fields.first { $0.name == name }?.values.first }
        guard let uri = value("hats#uri"), !uri.isEmpty, uri.utf8.count <= Self.maximumHatBytes else {
            throw .badRequest
        }
        switch command {
        case .create:
            guard let title = value("hats#title"), !title.isEmpty, title.utf8.count <= Self.maximumHatBytes else {
                throw .badRequest
            }
            let hue = value("hats#hue").flatMap { $0.isEmpty ? nil : $0 }
            guard hue.map(Self.isHue) ?? true else { throw .badRequest }
            record.hats.removeAll { $0.uri == uri }
            guard record.hats.count < Self.maximumHats else { throw .resourceConstraint }
            record.hats.append(RoomHat(uri: uri, title: title, hue: hue))
            showHats(of: members.filter { $0.value.hats.contains(uri) }.map(\.key))
            announce([104])
            return [service.store.putting(record, address)]
        case .destroy:
            guard record.hats.contains(where: { $0.uri == uri }) else { throw .itemNotFound }
            record.hats.removeAll { $0.uri == uri }
            let wearers = members.filter { $0.value.hats.contains(uri) }.map(\.key)
            let changes = wearers.flatMap { change(hatsOf: $0) { $0.removeAll { $0 == uri } } }
            announce([104])
            return changes + [service.store.putting(record, address)]
        case .assign, .unassign:
            guard let person = value("hats#jid").flatMap({ JID($0)?.bare }) else { throw .jidMalformed }
            guard record.hats.contains(where: { $0.uri == uri }) else { throw .itemNotFound }
            if command == .unassign { return change(hatsOf: person) { $0.removeAll { $0 == uri } } }
            let worn = members[person]?.hats ?? []
            guard !worn.contains(uri) else { return [] }
            guard worn.count < Self.maximumHatsOfOne,
                members[person] != nil || members.count < service.settings.affiliations
            else { throw .resourceConstraint }
            return change(hatsOf: person) { $0.append(uri) }
        case .list, .listAssigned:
            return []
        }
    }

    private func change(hatsOf person: JID, _ body: (inout [String]) -> Void) -> [StorageChange] {
        var member = members[person] ?? RoomMember(affiliation: .none)
        body(&member.hats)
        set(member, of: person)
        showHats(of: [person])
        return service.store.putting(member, of: person, address)
    }

    /// Shows all those who are there what somebody wears now.
    private func showHats(of people: [JID]) {
        for (key, occupant) in occupants where people.contains(occupant.jid) {
            var changed = occupant
            changed.hats = hats(of: occupant.jid)
            put(changed, key)
            show(RoomPresence(occupant: changed, affiliation: affiliation(of: occupant.jid)))
        }
    }

    // MARK: Answers

    private static func reply(
        _ node: String, _ session: String, _ status: String, _ body: @escaping Reply.Content
    ) -> Reply {
        .result { writer in
            writer.element(
                "command", .commands, ["node": node, "sessionid": session, "status": status], body)
        }
    }

    private func form(of command: HatCommand) -> Reply.Content {
        let uris = record.hats.map(\.uri)
        let fields = command.fields.map { name in
            let isChosen = name == "hats#uri" && command != .create
            return FormField(
                name: name, type: isChosen ? "list-single" : name == "hats#jid" ? "jid-single" : "text-single",
                options: isChosen ? uris : [], values: [])
        }
        return { writer in
            writer.element("actions", nil, ["execute": "complete"]) { $0.element("complete") }
            FormField.write(fields, about: Self.hatForm, "form", to: &writer)
        }
    }

    private var allHats: Reply.Content {
        let rows = record.hats.map { [$0.title, $0.uri, $0.hue ?? ""] }
        return Self.table(["hats#title", "hats#uri", "hats#hue"], rows)
    }

    private var assignedHats: Reply.Content {
        let rows = members.keys.sorted { $0.string < $1.string }.flatMap { person in
            hats(of: person).map { [person.string, $0.uri, $0.title, $0.hue ?? ""] }
        }
        return Self.table(["hats#jid", "hats#uri", "hats#title", "hats#hue"], rows)
    }

    private static func table(_ names: [String], _ rows: [[String]]) -> Reply.Content {
        { writer in
            writer.element("x", .dataForms, ["type": "result"]) { writer in
                writer.element("reported") { writer in
                    for name in names { writer.element("field", nil, ["var": name]) }
                }
                for row in rows {
                    writer.element("item") { writer in
                        for (name, text) in zip(names, row) where !text.isEmpty {
                            writer.element("field", nil, ["var": name]) { $0.element("value", text: text) }
                        }
                    }
                }
            }
        }
    }
}
