import XMPP

/// An operation for administrators, or for people on their own accounts. Its module declares it once: the command line,
/// the administration socket, ad-hoc commands and the HTTP API are made from it.
///
///     registrar.command(
///         Command(
///             "greeting-set", "Sets the greeting of a host.", for: .administrator,
///             .text("text", "What it says.")
///         ) { call, text in
///             …
///             return Sentence("the greeting is set")
///         })
public struct Command: Sendable {
    /// Who may use a command.
    public enum Audience: Sendable, Equatable {
        /// A session of the account that it is about, with these rights.
        case person(SessionRights)
        /// Administrators of a host, limited to that host, and the operator of the server for all hosts.
        case administrator
        /// Administrators of every host of the server.
        case serverAdministrator
        /// The operator of the server.
        case operatorOfServer
    }

    /// The name on the command line, the socket and in HTTP: kebab case, object before verb.
    public let name: String
    /// One sentence that describes it.
    public let summary: String
    /// The title in lists of commands.
    public let title: String
    public let audience: Audience
    /// Its node in service discovery.
    public let node: String
    /// The FORM_TYPE of its forms.
    public let formType: String
    public let parameters: [CommandParameter]
    /// The structure of its result.
    public let resultShape: CommandShape
    /// Whether it changes nothing.
    public let isReading: Bool
    /// Whether its time depends on the amount of data.
    public let isLasting: Bool
    let run: @Sendable (CommandCall) async throws -> any CommandResult

    /// Declares a command.
    ///
    /// - Parameters:
    ///   - title: nil: the summary.
    ///   - node: nil: one of our own.
    ///   - formType: nil: that of service administration for one of its nodes, otherwise the node.
    ///   - run: gets the values of the parameters. It throws `AdministrationError` with a sentence for the caller, or
    ///     `StorageError`.
    public init<Result: CommandResult, each Value: Sendable>(
        _ name: String, _ summary: String, for audience: Audience, title: String? = nil, node: String? = nil,
        formType: String? = nil, isReading: Bool = false, isLasting: Bool = false,
        _ parameter: repeat Parameter<each Value>,
        run: @escaping @Sendable (CommandCall, repeat each Value) async throws -> Result
    ) {
        self.name = name
        self.summary = summary
        self.title = title ?? (summary.hasSuffix(".") ? String(summary.dropLast()) : summary)
        self.audience = audience
        let node = node ?? "\(Self.namespace)#\(name)"
        self.node = node
        self.formType = formType ?? (node.hasPrefix(Self.administration) ? Self.administration : node)
        self.isReading = isReading
        self.isLasting = isLasting
        var parameters: [CommandParameter] = []
        repeat parameters.append((each parameter).description)
        self.parameters = parameters
        resultShape = Result.shape
        self.run = { call in try await run(call, repeat try await (each parameter).value(call)) }
    }

    /// The prefix of nodes that no specification defines.
    private static let namespace = "urn:swallowtail:command"
    /// The namespace of service administration.
    static let administration = "http://jabber.org/protocol/admin"

    /// A node of service administration.
    public static func node(_ name: String) -> String { "\(administration)#\(name)" }
}
