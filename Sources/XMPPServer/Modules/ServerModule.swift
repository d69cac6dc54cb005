/// A feature of a host: an XMPP extension, or a part of the RFCs that a profile may leave out.
///
/// A module describes itself, has settings, and declares its behaviour. This is a whole module, which answers pings:
///
///     struct Ping: ServerModule {
///         static let info = ModuleInfo("ping", implements: [.xep(199, "2.0.1")])
///         static let namespace: Namespace = "urn:xmpp:ping"
///         init(host: Host, settings: NoSettings) {}
///         func register(_ registrar: inout Registrar) {
///             registrar.feature(Self.namespace)
///             registrar.iq(.get, "ping", Self.namespace, to: [.server, .ownAccount], needs: .chat) { _ in .ok }
///         }
///     }
///
/// There is one instance for each host. It is called from any event loop.
public protocol ServerModule: Sendable {
    /// Its settings.
    associatedtype Settings: ModuleSettings = NoSettings

    static var info: ModuleInfo { get }

    /// The stores in which it keeps personal data of account owners.
    static var personalData: [PersonalData] { get }

    /// Makes the module for a host. Called when the host begins to be served, and when the module's settings have
    /// changed; with the same settings the module is kept. Settings of the host itself are to be asked when they are
    /// needed: here they may be the former ones.
    init(host: Host, settings: Settings)

    /// Declares its behaviour. Called once.
    func register(_ registrar: inout Registrar)
}

extension ServerModule {
    public static var personalData: [PersonalData] { [] }
}

/// A module's description, known without an instance.
public struct ModuleInfo: Sendable {
    /// A specification that a module implements.
    public enum Specification: Sendable, Equatable, CustomStringConvertible {
        /// Number and version of an XMPP extension.
        case xep(Int, String)
        /// Number and section of a standard.
        case rfc(Int, String)
        /// Another specification.
        case other(String)

        public var description: String {
            switch self {
            case .xep(let number, let version):
                let digits = String(number)
                return "XEP-\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits) \(version)"
            case .rfc(let number, let section):
                return "RFC \(number) \(section)"
            case .other(let text):
                return text
            }
        }
    }

    /// The name in profiles, in kebab case.
    public let name: String
    public let specifications: [Specification]
    /// Modules that must be on for the same host.
    public let requires: [String]
    /// One sentence for the reference.
    public let summary: String
    /// The module's commands for the operator, whose names begin with the same word; nil: it has none.
    public let commands: CommandSet?

    /// The summary and the specifications.
    var help: String {
        let specifications = specifications.map(\.description).joined(separator: ", ")
        return summary + (specifications.isEmpty ? "" : " Implements \(specifications).")
    }

    public init(
        _ name: String, implements: [Specification], requires: [String] = [], summary: String = "",
        commands: CommandSet? = nil
    ) {
        self.name = name
        specifications = implements
        self.requires = requires
        self.summary = summary
        self.commands = commands
    }
}
