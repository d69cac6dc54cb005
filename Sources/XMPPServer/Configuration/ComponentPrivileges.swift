import XML
import XMPP

/// What a component may do in the name of the accounts of its host. Nothing, if the configuration does not say
/// otherwise.
public struct ComponentPrivileges: Hashable, Sendable {
    /// Which messages it may send.
    public enum Messages: String, CaseIterable, Sendable {
        case none
        /// Those of any account, as if it were one of the account's clients.
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

    /// How it may read and change the accounts' contacts.
    public let roster: Requests
    public let messages: Messages
    /// Which requests it may make in their names, by the namespaces of what is asked.
    public let requests: [String: Requests]

    /// What concerns the account itself is its owner's alone: passwords, its removal, administration.
    private static let neverAsked: Set<String> = [
        Namespace.registration.name, Namespace.commands.name, "jabber:iq:auth",
    ]

    /// Whether it has none at all, as any component.
    public var isEmpty: Bool { roster == .none && messages == .none && requests.isEmpty }

    init(_ section: ConfigSection) {
        roster = section.choice(
            "roster", default: .none, "Whether it reads and changes the contact lists of the accounts.")
        messages = section.choice("message", default: .none, "Whether it sends messages in the accounts' names.")
        let iq = section.section("iq", "Which requests it makes in the accounts' names.")
        var requests: [String: Requests] = [:]
        for name in section.report.collectsReference ? ["<namespace>"] : iq.names {
            let allowed: Requests = iq.choice(name, default: .none, "Which of those about this namespace.")
            if allowed != .none, Self.neverAsked.contains(name) {
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
                // Changes are not told: a component asks when it wants to know.
                if roster != .none {
                    writer.element(
                        "perm", .privilege, ["access": "roster", "type": roster.rawValue, "push": "false"])
                }
                if messages != .none {
                    writer.element("perm", .privilege, ["access": "message", "type": messages.rawValue])
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
    /// What a component may do in others' names.
    static let privilege: Namespace = "urn:xmpp:privilege:2"
}
