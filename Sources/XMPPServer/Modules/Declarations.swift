import XMPP

/// What answers for an address space declares: its features and identities, the IQ requests that it answers, and the
/// handlers of its moments. Built whole, from what its modules declare, and only read afterwards. A class, because every stanza
/// asks for it several times, and a copy of all its lists is dear.
public final class Declarations: Sendable {
    /// What service discovery tells.
    public let features: [Namespace]
    public let identities: [Registrar.Identity]
    public let information: [Registrar.Information]
    let iqTable: IQTable
    private let hooks: HookTable

    // The moments of a stanza, looked up once.
    private let messageFromClient: HookList<StanzaContext>
    private let messageToAccount: HookList<StanzaContext>
    private let presenceFromClient: HookList<StanzaContext>
    private let presenceToAccount: HookList<StanzaContext>
    let iqFromClient: HookList<StanzaContext>
    let iqToAccount: HookList<StanzaContext>
    let iqToSession: HookList<StanzaContext>
    let messageAccepted: HookList<StanzaContext>
    let messageKept: HookList<KeptMessage>

    /// Nothing at all.
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

    func fromClient(_ kind: StanzaKind) -> HookList<StanzaContext> {
        kind == .message ? messageFromClient : presenceFromClient
    }

    func toAccount(_ kind: StanzaKind) -> HookList<StanzaContext> {
        kind == .message ? messageToAccount : presenceToAccount
    }

    /// The handlers of a moment.
    func list<Event>(_ point: HookPoint<Event>) -> HookList<Event> { hooks.list(point) }
}
