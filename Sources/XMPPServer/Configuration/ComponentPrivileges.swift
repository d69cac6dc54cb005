import XML
import XMPP

/// What a component may do in the names of its host's accounts; by default nothing.
public struct ComponentPrivileges: Hashable, Sendable {
    /// Which messages it may send.
    public enum Messages: String, CaseIterable, Sendable {
        case none
        /// Those of any account, as if one of the account's clients had sent them.
        case outgoing
    }

    /// Which requests it may make.
    public enum Requests: String, CaseIterable, Sendable {
        case none
        case get
        case set
        case both

        public func allows(_ kind: IQRequest.Kind) -> Bool {
            switch self {
            case .none: false
            case .get: kind == .get
            case .set: kind == .set
            case .both: true
            }
        }
    }

    /// Whose presence it receives.
    public enum Presence: String, CaseIterable, Sendable {
        case none
        /// That of the accounts.
        case accounts = "managed_entity"
        /// That of the accounts and of their contacts.
        case contacts = "roster"
    }

    /// Access to the accounts' rosters.
    public let roster: Requests
    /// Whether it receives roster pushes.
    public let rosterPush: Bool
    public let presence: Presence
    public let messages: Messages
    /// The requests it may make in their names, by the payload's namespace.
    public let requests: [String: Requests]

    /// Namespaces for the account's owner alone: passwords, removal, administration.
    static let ownerOnly: Set<String> = [
        Namespace.registration.name, Namespace.commands.name, "jabber:iq:auth",
    ]

    /// Whether it has no privileges.
    public var isEmpty: Bool { roster == .none && messages == .none && presence == .none && requests.isEmpty }

    init(_ section: ConfigSection) {
        roster = section.choice(
            "roster", default: .none, "Whether it reads and changes the contact lists of the accounts.")
        let push = section.boolean(
            "roster-push", default: true, "Whether a component that reads the contact lists is told of changes.")
        rosterPush = push && roster.allows(.get)
        presence = section.choice(
            "presence", default: .none,
            "Whose presence it is told: that of the accounts (`managed_entity`), or also of their contacts (`roster`).")
        if presence == .contacts, !roster.allows(.get) {
            section.fail(
                "presence", "a component that may not read the contacts is not told their presence",
                fix: "set roster to get or both, or presence to managed_entity")
        }
        messages = section.choice("message", default: .none, "Whether it sends messages in the accounts' names.")
        let iq = section.section("iq", "Which requests it makes in the accounts' names.")
        var requests: [String: Requests] = [:]
        for name in section.report.collectsReference ? ["<namespace>"] : iq.names {
            let allowed: Requests = iq.choice(name, default: .none, "Which of those about this namespace.")
            if allowed != .none, Self.ownerOnly.contains(name) {
                iq.fail(name, "what is asked there is for the account's owner alone", fix: "delete it")
            } else if allowed != .none {
                requests[name] = allowed
            }
        }
        self.requests = requests
    }

    /// Writes the message that tells the component what it may do.
    func announce(from host: JID, to component: JID, _ writer: inout XMLWriter) {
        writer.element("message", .client, ["from": host.string, "to": component.string]) { writer in
            writer.element("privilege", .privilege) { writer in
                if roster != .none {
                    writer.element(
                        "perm", .privilege,
                        ["access": "roster", "type": roster.rawValue, "push": rosterPush ? "true" : "false"])
                }
                if messages != .none {
                    writer.element("perm", .privilege, ["access": "message", "type": messages.rawValue])
                }
                if presence != .none {
                    writer.element("perm", .privilege, ["access": "presence", "type": presence.rawValue])
                }
                guard !requests.isEmpty else { return }
                writer.element("perm", .privilege, ["access": "iq"]) { writer in
                    for (name, allowed) in requests.sorted(by: { $0.key < $1.key }) {
                        writer.element("namespace", .privilege, ["ns": name, "type": allowed.rawValue])
                    }
                }
            }
        }
    }
}

extension Namespace {
    /// Privileges of components.
    static let privilege: Namespace = "urn:xmpp:privilege:2"
}
