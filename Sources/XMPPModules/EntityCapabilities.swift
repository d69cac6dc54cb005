import Crypto
import XMPPServer

/// XEP-0115: Entity Capabilities of the host: a hash of its service discovery information in the stream features, so
/// that clients can cache the information. Capabilities of clients pass unchanged in their presence.
struct EntityCapabilities: ServerModule {
    static let info = ModuleInfo(
        "caps", implements: [.xep(115, "1.6.0")], requires: ["disco"],
        summary: "A hash of the host's features, for clients to remember them by.")

    static let namespace: Namespace = "http://jabber.org/protocol/caps"
    static let node = "https://swallowtail.example/"

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.streamFeature(.authenticated) { [host] writer in
            let version = Self.version(DiscoDescription(of: host))
            writer.element("c", Self.namespace, ["hash": "sha-1", "node": Self.node, "ver": version])
        }
    }

    /// Whether a disco request asks for the information that is announced now, §6.3.
    static func describes(_ node: String, _ host: Host) -> Bool {
        node == "\(self.node)#\(version(DiscoDescription(of: host)))"
    }

    /// §5.1
    static func version(_ description: DiscoDescription) -> String {
        let forms = description.information.sorted { $0.type.utf8.lexicographicallyPrecedes($1.type.utf8) }
        let lines =
            sorted(description.identities.map { "\($0.category)/\($0.type)//\($0.name ?? "")" })
            + sorted(description.features)
            + forms.flatMap { form in
                [form.type]
                    + form.fields.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
                    .flatMap { [$0.name] + sorted($0.values) }
            }
        let text = lines.map { "\($0)<" }.joined()
        return Base64.encode(Array(Insecure.SHA1.hash(data: Array(text.utf8))))
    }

    /// By their bytes, §5.1 step 2.
    private static func sorted(_ lines: [String]) -> [String] {
        lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
