import XMPP

/// Something that people have a host do by a command in their clients, XEP-0050, done in one step.
public struct HostCommand: Sendable {
    /// What it is called by.
    public let node: String
    /// What people read.
    public let name: String
    /// What a session must be allowed for the command to be shown to its client, and done for it.
    public let needs: SessionRights
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
        node: String, name: String, needs: SessionRights = .owner,
        run: @escaping @Sendable (ClientSession) async -> Result<Outcome, StanzaError>
    ) {
        self.node = node
        self.name = name
        self.needs = needs
        self.run = run
    }
}
