import XMPPServer

/// What service discovery says of rooms, XEP-0045 §6.
struct RoomDiscovery {
    /// What rooms can do, said of the service and of each room.
    var features: [Namespace] { Self.features + Retraction.features + service.settings.archiveFeatures }

    private static let features: [Namespace] = [
        .rooms, .discoItems, .roomUser, .registration, "http://jabber.org/protocol/muc#stable_id",
        .occupantID, .stanzaIDs, .vCard, .moderation, RoomHat.namespace, .commands,
        "http://jabber.org/protocol/muc#self-ping-optimization",
    ]
    private static let form = "http://jabber.org/protocol/muc#roominfo"

    /// §6.6: the node under which somebody asks for their own nickname.
    private static let nicknameNode = "x-roomuser-item"
    /// Rooms of one answer.
    private static let roomsListed = 200

    let service: RoomService

    func register(_ declared: inout Registrar) {
        declared.iq(.get, "query", .discoItems, to: .server, needs: .chat, list)
        declared.iq(.get, "query", .discoInfo, to: .account, needs: .chat) { request in
            let node = request.payload["node"]
            return service.ask(request.owner) { room, answer in
                switch node {
                case nil: answer(describe(room, for: request.from))
                case Self.nicknameNode: answer(Self.tellNickname(of: request.from, room))
                default: answer(.error(.itemNotFound))
                }
            }
        }
        declared.iq(.get, "query", .discoItems, to: .account, needs: .chat) { [service] request in
            let node = request.payload["node"]
            return service.ask(request.owner) { room, answer in
                switch node {
                case nil: answer(Self.list(room, for: request.from))
                case Namespace.commands.name: answer(Self.listCommands(room, for: request.from))
                default: answer(.error(.itemNotFound))
                }
            }
        }
        // An occupant answers for themselves, §6.5.
        declared.iq(.get, "query", .discoInfo, to: .session, needs: .chat) { _ in .pass }
    }

    // MARK: The service

    /// A page of the public rooms, §6.3.
    @Sendable private func list(_ request: IQRequest) -> Reply {
        guard request.payload["node"] == nil else { return .error(.itemNotFound) }
        return .async {
            do throws(StanzaError) {
                let page = try await service.host.page(
                    ResultSet(of: request.payload), of: service.store.recordsMap, in: service.store.records,
                    order: .byKey(), atMost: Self.roomsListed
                ) { $0.value.configuration.isPublic && !$0.value.isLocked }
                return .result { writer in
                    writer.element("query", .discoItems) { writer in
                        for item in page.items { write(item.key, item.value, to: &writer) }
                        page.write(to: &writer)
                    }
                }
            } catch {
                return .error(error)
            }
        }
    }

    private func write(_ local: String, _ record: RoomRecord, to writer: inout XMLWriter) {
        guard let room = JID(local: local, domain: service.domain.domain, resource: nil) else { return }
        let name = record.configuration.name
        writer.element("item", nil, ["jid": room.string, "name": name.isEmpty ? local : name])
    }

    // MARK: A room

    /// Those who are there, §6.5: told to everybody where the room is for everybody, otherwise to each other.
    private static func list(_ room: Room, for session: JID) -> Reply {
        guard room.exists, !room.record.isLocked else { return .error(.itemNotFound) }
        let configuration = room.configuration
        let isTold = room.isForEverybody && room.affiliation(of: session) != .outcast || room.occupant(session) != nil
        let shown = isTold ? room.occupants.values.filter { configuration.broadcastRoles.contains($0.role) } : []
        let addresses = shown.map(\.address.string).sorted()
        return .result { writer in
            writer.element("query", .discoItems) { writer in
                for address in addresses { writer.element("item", nil, ["jid": address]) }
            }
        }
    }

    /// What may be done at the room by commands (XEP-0050).
    private static func listCommands(_ room: Room, for session: JID) -> Reply {
        let isAdmin = room.exists && room.affiliation(of: session) >= .admin
        return .result { writer in
            writer.element("query", .discoItems, ["node": Namespace.commands.name]) { writer in
                for command in isAdmin ? Room.HatCommand.allCases : [] {
                    writer.element(
                        "item", nil,
                        [
                            "jid": room.address.string, "node": Room.HatCommand.prefix + command.rawValue,
                            "name": command.title,
                        ])
                }
            }
        }
    }

    private static func tellNickname(of session: JID, _ room: Room) -> Reply {
        guard room.exists, !room.record.isLocked else { return .error(.itemNotFound) }
        let nickname = room.members[session.bare]?.nickname
        return .result { writer in
            writer.element("query", .discoInfo, ["node": nicknameNode]) { writer in
                guard let nickname else { return }
                writer.element(
                    "identity", nil, ["category": "conference", "type": "text", "name": nickname])
            }
        }
    }

    private func describe(_ room: Room, for person: JID) -> Reply {
        guard room.exists, !room.record.isLocked else { return .error(.itemNotFound) }
        let record = room.record
        let configuration = record.configuration
        let flags = [
            configuration.isPublic ? "muc_public" : "muc_hidden",
            configuration.isPersistent ? "muc_persistent" : "muc_temporary",
            configuration.isModerated ? "muc_moderated" : "muc_unmoderated",
            configuration.isForMembers ? "muc_membersonly" : "muc_open",
            configuration.asksForPassword ? "muc_passwordprotected" : "muc_unsecured",
            configuration.isOpenAboutAddresses ? "muc_nonanonymous" : "muc_semianonymous",
        ]
        let mayLook =
            room.isForEverybody && room.affiliation(of: person) != .outcast
            || room.refusal(ofReadingBy: person) == nil
        var fields = [
            FormField(name: "muc#roominfo_description", type: "text-single", values: [configuration.description]),
            FormField(name: "muc#roominfo_lang", type: "text-single", values: [configuration.language]),
            FormField(name: "muc#roominfo_subject", type: "text-single", values: [record.subject.text]),
            FormField(name: "muc#roominfo_occupants", type: "text-single", values: ["\(room.occupants.count)"]),
            FormField(
                name: "muc#roomconfig_changesubject", type: "boolean",
                values: [configuration.letsAllChangeSubject ? "1" : "0"]),
        ].filter { field in
            // What goes on inside is for those who may enter.
            field.values != [""]
                && (mayLook || !["muc#roominfo_subject", "muc#roominfo_occupants"].contains(field.name))
        }
        if let pictures = record.card?.pictures, !pictures.isEmpty {
            fields.append(FormField(name: "muc#roominfo_avatarhash", type: "text-multi", values: pictures))
        }
        if let pause = configuration.slowMode {
            fields.append(
                FormField(name: "muc#roominfo_slow_mode_duration", type: "text-single", values: ["\(pause)"]))
        }
        if configuration.isPersistent, room.isForEverybody, let rate = room.activity.rate(at: service.host.uptime()) {
            fields.append(
                FormField(
                    name: "{urn:xmpp:muc-activity}message-activity", type: "text-single", label: "Messages per hour",
                    values: [rate]))
        }
        let name = configuration.name.isEmpty ? room.address.local : configuration.name
        return .result { [fields, features] writer in
            writer.element("query", .discoInfo) { writer in
                writer.element("identity", nil, ["category": "conference", "type": "text", "name": name])
                for feature in [.discoInfo] + features { writer.element("feature", nil, ["var": feature.name]) }
                for flag in flags { writer.element("feature", nil, ["var": flag]) }
                FormField.write(fields, about: Self.form, "result", to: &writer)
            }
        }
    }
}
