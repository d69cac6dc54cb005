/// A feature of a host: an XMPP extension, or a part of the RFCs that a profile may leave out.
///
/// A module says who it is, has its settings read, and declares what it does; the loader keeps all that. Here is all
/// of XEP-0199:
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
/// There is one instance for each host. It must be ready for calls from any event loop.
public protocol ServerModule: Sendable {
    /// What can be set.
    associatedtype Settings: ModuleSettings = NoSettings

    static var info: ModuleInfo { get }

    /// The stores in which it keeps data about the owners of accounts.
    static var personalData: [PersonalData] { get }

    /// Makes the module of a host. Called when the host begins to be served, and again when other settings of the module
    /// are loaded; a module whose settings are the same stays. Settings of the host that are asked for here, and not when they
    /// are needed, may be those of before.
    init(host: Host, settings: Settings)

    /// Declares what the module does. Called once.
    func register(_ registrar: inout Registrar)
}

extension ServerModule {
    public static var personalData: [PersonalData] { [] }
}

/// What is known of a module without an instance.
public struct ModuleInfo: Sendable {
    /// A document that a module implements.
    public enum Specification: Sendable, Equatable, CustomStringConvertible {
        /// Number and version of an XMPP extension.
        case xep(Int, String)
        /// Number and section of a standard.
        case rfc(Int, String)
        /// Something that is described elsewhere.
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

    /// The name under which profiles list it, in kebab case.
    public let name: String
    public let specifications: [Specification]
    /// Modules that must be on the same host.
    public let requires: [String]
    /// One sentence for the reference.
    public let summary: String

    /// The sentence and the specifications.
    var help: String {
        let specifications = specifications.map(\.description).joined(separator: ", ")
        return summary + (specifications.isEmpty ? "" : " Implements \(specifications).")
    }

    public init(_ name: String, implements: [Specification], requires: [String] = [], summary: String = "") {
        self.name = name
        specifications = implements
        self.requires = requires
        self.summary = summary
    }
}
