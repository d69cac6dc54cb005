import XML
import XMPP

/// Requests that a component answers for its host and the host's accounts.
public struct Delegation: Hashable, Sendable {
    /// The namespace of the request's payload.
    public let namespace: String
    /// Attributes that the payload must have; without them the host answers.
    public let attributes: [String]

    /// Stands for requests to accounts about nodes that the host does not know (`disco#info`).
    public static let unknownNodes = "\(Namespace.delegation.name):bare:disco#info:*"
    /// Stands for requests to accounts for their items (`disco#items`), except for lists of commands.
    public static let items = "\(Namespace.delegation.name):bare:disco#items:*"

    /// Whether it stands for a part of service discovery instead of a namespace.
    var isOfDiscovery: Bool { [Self.unknownNodes, Self.items].contains(namespace) }

    /// Whether a request with that payload is delegated.
    func covers(_ payload: Element) -> Bool {
        guard payload.namespaceName == namespace else { return false }
        return attributes.allSatisfy { name in payload.attributes.contains { $0.prefix == nil && $0.name == name } }
    }

    /// Service discovery is not delegated as a whole: the host asks the component about its features and answers itself,
    /// except for the parts above.
    private static let neverDelegated: Set<String> = [
        Namespace.delegation.name, Namespace.discoInfo.name, Namespace.discoItems.name,
    ]

    /// Reads the delegations of a component.
    static func all(_ component: ConfigSection) -> [Delegation] {
        let sections = component.sections(
            "delegations",
            "Namespaces of requests to the host and its accounts that the component answers: `{}`, or its `attributes`."
        )
        return sections.map { name, section in
            if neverDelegated.contains(name) {
                section.fail(nil, "that namespace cannot be delegated", fix: "delete it")
            } else if ComponentPrivileges.ownerOnly.contains(name) {
                section.fail(nil, "what is asked there is for the account's owner alone", fix: "delete it")
            }
            let attributes = section.strings(
                "attributes", default: [], "Delegates only requests whose payload has all these attributes.")
            return Delegation(namespace: name, attributes: attributes.sorted())
        }
    }
}

extension Namespace {
    /// Delegated requests.
    public static let delegation: Namespace = "urn:xmpp:delegation:2"
}
