import XMPP

/// What the modules of a host or a service declare: features, identities, IQ handlers and hooks. Immutable. A class, as
/// every stanza uses it several times, and copying all its lists is expensive.
public final class Declarations: Sendable {
    /// For service discovery.
    public let features: [Namespace]
    public let identities: [Registrar.Identity]
    public let information: [Registrar.Information]
    let iqTable: IQTable
    private let hooks: HookTable

    // The hooks of each stanza, looked up once.
    private let messageFromClient: HookList<StanzaContext>
    private let messageToAccount: HookList<StanzaContext>
    private let presenceFromClient: HookList<StanzaContext>
    private let presenceToAccount: HookList<StanzaContext>
    private let iqFromClient: HookList<StanzaContext>
    let iqToAccount: HookList<StanzaContext>
    private let iqToSession: HookList<StanzaContext>
    let messageAccepted: HookList<StanzaContext>
    let messageKept: HookList<KeptMessage>

    /// No declarations.
    static let none = Declarations()

    private init() {
        features = []
        identities = []
        information = []
        iqTable = IQTable()
        hooks = HookTable()
        let empty = HookList<StanzaContext>([])
        messageFromClient = empty
        messageToAccount = empty
        presenceFromClient = empty
        presenceToAccount = empty
        iqFromClient = empty
        iqToAccount = empty
        iqToSession = empty
        messageAccepted = empty
        messageKept = HookList([])
    }

    /// - Parameter registrars: one for each module, in the order in which their handlers run within a phase.
    init(_ registrars: [Registrar]) throws(ModuleConflict) {
        var features: [Namespace] = []
        var identities: [Registrar.Identity] = []
        var iqTable = IQTable()
        var hooks = HookTable()
        for registrar in registrars {
            for entry in registrar.iqHandlers { try iqTable.add(entry) }
            for feature in registrar.features where !features.contains(feature) { features.append(feature) }
            for identity in registrar.identities where !identities.contains(identity) { identities.append(identity) }
            registrar.addHooks(to: &hooks)
        }
        self.features = features
        self.identities = identities
        information = registrars.flatMap(\.information)
        self.iqTable = iqTable
        self.hooks = hooks
        messageFromClient = hooks.list(Hooks.messageFromClient)
        messageToAccount = hooks.list(Hooks.messageToAccount)
        presenceFromClient = hooks.list(Hooks.presenceFromClient)
        presenceToAccount = hooks.list(Hooks.presenceToAccount)
        iqFromClient = hooks.list(Hooks.iqFromClient)
        iqToAccount = hooks.list(Hooks.iqToAccount)
        iqToSession = hooks.list(Hooks.iqToSession)
        messageAccepted = hooks.list(Hooks.messageAccepted)
        messageKept = hooks.list(Hooks.messageKept)
    }

    /// Of the sender's half.
    func fromClient(_ kind: StanzaKind) -> HookList<StanzaContext> {
        switch kind {
        case .message: messageFromClient
        case .presence: presenceFromClient
        case .iq: iqFromClient
        }
    }

    /// Of the recipient's half; for an IQ, those on its way to a session.
    func toAccount(_ kind: StanzaKind) -> HookList<StanzaContext> {
        switch kind {
        case .message: messageToAccount
        case .presence: presenceToAccount
        case .iq: iqToSession
        }
    }

    /// The handlers of a hook point.
    func list<Event>(_ point: HookPoint<Event>) -> HookList<Event> { hooks.list(point) }
}
