import XMPP

/// Something that people have a host do by a command in their clients, XEP-0050, done in one step.
public struct HostCommand: Sendable {
    /// What it is called by.
    public let node: String
    /// What people read.
    public let name: String
    /// Whether it is shown to the client of a session, and done for it.
    public let isOffered: @Sendable (ClientSession) -> Bool
    public let run: @Sendable (ClientSession) async -> Result<Outcome, StanzaError>

    /// What has come of it: the fields of a form, XEP-0004 §3.
    public struct Outcome: Sendable {
        public let formType: String
        public let fields: [(name: String, value: String)]

        public init(formType: String, fields: [(name: String, value: String)]) {
            self.formType = formType
            self.fields = fields
        }
    }

    public init(
        node: String, name: String, isOffered: @escaping @Sendable (ClientSession) -> Bool,
        run: @escaping @Sendable (ClientSession) async -> Result<Outcome, StanzaError>
    ) {
        self.node = node
        self.name = name
        self.isOffered = isOffered
        self.run = run
    }
}
