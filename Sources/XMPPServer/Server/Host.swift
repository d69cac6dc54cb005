import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A domain that is served here, with its profile's modules and settings.
///
/// Modules get their host when they are made, and keep it: it is where they find the accounts, the storage, the clock
/// and the router. What the modules declare is put in place once, before the first listener opens, and is only read
/// after that.
public final class Host: @unchecked Sendable {
    public let domain: String
    public let jid: JID
    public let configuration: HostConfiguration
    public let accounts: AccountTable
    public let storage: any Storage
    public let archiveIDs: ArchiveIDGenerator
    /// The router holds all hosts, and they hold it: both live as long as the process.
    public let router: StanzaRouter
    public let logger: Logger
    private let failures: FailureLog
    package let key: ServerKey
    let registrations: RegistrationLimit
    let keyMaker: KeyMaker
    let signIns: SignInLog
    /// Of passwords, by their owners.
    let passwordChanges = AttemptLimit<JID>(limit: 20, within: .seconds(60))
    let revocations = Revocations()
    /// Told of accounts that are made.
    let accountAdded: @Sendable (JID) -> Void
    let endedSessions = Mutex(EndedSessions())
    private let tokensExist = Atomic<Bool>(false)
    private let authorizationServerState = Mutex<String?>(nil)
    /// The wall clock.
    public let now: @Sendable () -> Timestamp
    /// Time that passes whatever the wall clock is set to; what is counted within a time goes by it.
    public let uptime: @Sendable () -> Duration

    // Put in place by `load`, before any listener opens.
    public private(set) var modules: [(info: ModuleInfo, module: any ServerModule)] = []
    public private(set) var features: [Namespace] = []
    public private(set) var accountFeatures: [Namespace] = []
    public private(set) var identities: [Registrar.Identity] = []
    private(set) var iqTable = IQTable()
    private var hooks = HookTable()
    private(set) var jobs: [Registrar.Job] = []
    /// How sessions outlive their connections; `nil`: they do not.
    public private(set) var resumption: ResumptionSettings?
    /// How large the contact lists of its accounts may grow.
    public private(set) var rosterBounds = RosterBounds.none
    private var inactiveClientPolicies: [@Sendable (Stanza) -> InactiveClientPolicy?] = []
    private(set) var tokenVerifiers: [TokenVerifier] = []
    private var streamFeatures: [Registrar.StreamFeature] = []
    private(set) var streamElements: [Registrar.StreamElement] = []
    private(set) var authenticationFeatures: [Registrar.AuthenticationFeature] = []
    private(set) var bindFeatures: [Registrar.BindFeature] = []
    /// What people have the host do by commands.
    public private(set) var commands: [HostCommand] = []
    /// What is taken off the messages and presence that clients of any host send.
    private(set) var reservedElements = ReservedElements()
    private var messageFromClient = HookList<StanzaContext>([])
    private var messageToAccount = HookList<StanzaContext>([])
    private(set) var messageAccepted = HookList<StanzaContext>([])
    private var presenceFromClient = HookList<StanzaContext>([])
    private var presenceToAccount = HookList<StanzaContext>([])
    private(set) var iqFromClient = HookList<StanzaContext>([])
    private(set) var iqToAccount = HookList<StanzaContext>([])
    private(set) var iqToSession = HookList<StanzaContext>([])
    private var messageKept = HookList<KeptMessage>([])
    private(set) var sessionBound = HookList<SessionEvent>([])
    private(set) var sessionEnded = HookList<SessionEvent>([])
    private(set) var accountChanged = HookList<AccountEvent>([])

    init(
        _ configuration: HostConfiguration,
        jid: JID,
        limits: ServerLimits,
        storage: any Storage,
        archiveIDs: ArchiveIDGenerator,
        router: StanzaRouter,
        key: ServerKey,
        keyMaker: KeyMaker,
        signIns: SignInLog,
        accountAdded: @escaping @Sendable (JID) -> Void = { _ in },
        logger: Logger,
        now: @escaping @Sendable () -> Timestamp,
        uptime: @escaping @Sendable () -> Duration
    ) {
        domain = jid.domain
        self.jid = jid
        self.configuration = configuration
        self.storage = storage
        self.archiveIDs = archiveIDs
        self.router = router
        self.key = key
        self.accountAdded = accountAdded
        self.logger = logger
        failures = FailureLog(logger)
        self.now = now
        self.uptime = uptime
        self.keyMaker = keyMaker
        self.signIns = signIns
        registrations = RegistrationLimit(limits)
        accounts = AccountTable(storage: storage, capacity: limits.accountsInMemory)
    }

    /// The services that belong to the host.
    public var services: [any Service] { router.hosts.services.filter { $0.host === self } }

    // MARK: Settings that the core asks for

    /// How long a module may take to answer a request, and a stanza may wait for one thing.
    var iqTime: Duration { configuration.limits.requestTime }
    /// Requests of one session that may wait for their answers side by side.
    var parallelRequests: Int { configuration.limits.parallelRequests }
    /// The address of the metadata of the server that gives out access tokens, RFC 8414; nil: there is none.
    public var authorizationServer: String? {
        get { authorizationServerState.withLock { $0 } }
        set { authorizationServerState.withLock { $0 = newValue } }
    }
    /// Whether a reply to a request without an address names the domain as its sender.
    var repliesFromDomain: Bool { configuration.streams.usesLegacyFrom }

    /// Whether anybody can have an access token: a module makes or knows some, or an administrator has made one. Once they
    /// can, they can until the server stops.
    public var hasAccessTokens: Bool { tokensExist.load(ordering: .relaxed) }

    /// The SASL mechanisms on offer. OAUTHBEARER is one only where there are tokens, or nothing else: there are clients that
    /// prefer it, whatever they have been given.
    var mechanisms: [SASLMechanism] {
        let all = configuration.authentication.mechanisms
        guard !hasAccessTokens else { return all }
        let others = all.filter { $0 != .oauthBearer }
        return others.isEmpty ? all : others
    }

    /// Takes note of an access token that exists.
    public func noteAccessToken() { tokensExist.store(true, ordering: .relaxed) }

    // MARK: Modules

    /// Makes the modules that the configuration lists and puts in place what they declare.
    func load() throws(ModuleConflict) {
        var table = HookTable()
        accounts.whenRosterIsUndone { [weak self] record, error, changes in
            guard let self else { return }
            _ = report(error)
            for change in changes {
                var event = RosterEvent(account: record, change: change, host: self)
                fire(Hooks.rosterChanged, &event)
            }
        }
        for configured in configuration.modules.sorted(by: { $0.place < $1.place }) {
            let module = configured.make(self)
            var registrar = Registrar(module: configured.info.name)
            module.register(&registrar)
            try take(registrar, &table)
            modules.append((configured.info, module))
        }
        freeze(table)
        if resumption != nil {
            accounts.restoreSessions { [self] record, sessions in restore(sessions, into: record) }
        }
    }

    private func take(_ registrar: Registrar, _ table: inout HookTable) throws(ModuleConflict) {
        for entry in registrar.iqHandlers { try iqTable.add(entry) }
        for feature in registrar.features where !features.contains(feature) { features.append(feature) }
        for feature in registrar.accountFeatures where !accountFeatures.contains(feature) {
            accountFeatures.append(feature)
        }
        for identity in registrar.identities where !identities.contains(identity) { identities.append(identity) }
        jobs += registrar.jobs
        inactiveClientPolicies += registrar.inactiveClientPolicies
        reservedElements.add(registrar.reservedElements)
        commands += registrar.commands
        resumption = registrar.resumption ?? resumption
        rosterBounds = registrar.rosterBounds ?? rosterBounds
        accounts.add(registrar.preloads)
        tokenVerifiers += registrar.tokenVerifiers
        if registrar.makesTokens || !registrar.tokenVerifiers.isEmpty { noteAccessToken() }
        streamFeatures += registrar.streamFeatures
        streamElements += registrar.streamElements
        authenticationFeatures += registrar.authenticationFeatures
        bindFeatures += registrar.bindFeatures
        registrar.addHooks(to: &table)
    }

    private func freeze(_ table: HookTable) {
        hooks = table
        messageFromClient = table.list(Hooks.messageFromClient)
        messageToAccount = table.list(Hooks.messageToAccount)
        messageAccepted = table.list(Hooks.messageAccepted)
        presenceFromClient = table.list(Hooks.presenceFromClient)
        presenceToAccount = table.list(Hooks.presenceToAccount)
        iqFromClient = table.list(Hooks.iqFromClient)
        iqToAccount = table.list(Hooks.iqToAccount)
        iqToSession = table.list(Hooks.iqToSession)
        messageKept = table.list(Hooks.messageKept)
        sessionBound = table.list(Hooks.sessionBound)
        sessionEnded = table.list(Hooks.sessionEnded)
        accountChanged = table.list(Hooks.accountChanged)
    }

    /// What one host's modules write is believed by its clients, whichever host its sender is at.
    static func shareReservedElements(of hosts: [Host]) {
        var all = ReservedElements()
        for host in hosts { all.add(host.reservedElements.rules) }
        for host in hosts { host.reservedElements = all }
    }

    func fromClient(_ kind: StanzaKind) -> HookList<StanzaContext> {
        kind == .message ? messageFromClient : presenceFromClient
    }

    func toAccount(_ kind: StanzaKind) -> HookList<StanzaContext> {
        kind == .message ? messageToAccount : presenceToAccount
    }

    /// Runs the handlers of a module's own moment. A verdict other than `.go` ends the run.
    ///
    /// - Returns: the error if a handler refused it; `nil` otherwise.
    @discardableResult
    public func fire<Event>(_ point: HookPoint<Event>, _ event: inout Event) -> StanzaError? {
        let list = hooks.list(point)
        guard case .bounced(let error, _) = list.run(&event, from: 0, to: list.entries.count) else { return nil }
        return error
    }

    /// Tells the modules of a message that waits; from any thread.
    public func messageKept(_ kept: KeptMessage) {
        var event = kept
        _ = messageKept.run(&event, from: 0, to: messageKept.entries.count)
    }

    /// What becomes of a stanza for a client that does not look.
    func urgency(of bytes: ByteBuffer) -> InactiveClientPolicy {
        guard !inactiveClientPolicies.isEmpty, let stanza = stanza(fromOwn: bytes, "a stanza for an inactive client")
        else {
            return .now
        }
        return inactiveClientPolicies.lazy.compactMap { $0(stanza) }.first ?? .now
    }

    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter) {
        for feature in streamFeatures where feature.layer == layer { feature.write(&writer) }
    }

    /// What can be asked for within the sign-in, XEP-0388 §2.1 and XEP-0386 §3.1.
    func writeInlineFeatures(to writer: inout XMLWriter) {
        writer.element("bind", .bind2) { writer in
            guard bindFeatures.contains(where: \.isAnnounced) else { return }
            writer.element("inline") { writer in
                for feature in bindFeatures where feature.isAnnounced {
                    writer.element("feature", nil, ["var": feature.namespace.name])
                }
            }
        }
        for feature in authenticationFeatures { feature.write(&writer) }
    }

    /// Offers an element of a stream to the modules. `false`: none of them knows it.
    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool {
        streamElements.contains {
            $0.layer == layer && element.isNamed($0.name, $0.namespace)
                && (layer != .authenticated || stream.rights.isSuperset(of: $0.needs))
                && $0.handler(element, stream)
        }
    }

    // MARK: Accounts

    /// The record of an account, or `nil` if there is none; a failure of the storage is logged here.
    public func find(_ jid: JID) async -> Result<AccountRecord?, StanzaError> {
        do {
            return .success(try await accounts.load(jid))
        } catch {
            return .failure(report(error))
        }
    }

    /// The address of the account with this account id, such as `mary@contoso.example`; `nil` if there is none.
    public func resolve(accountID: String) async -> Result<JID?, StanzaError> {
        do {
            return .success(try await storage.account(host: domain, accountID: accountID)?.jid)
        } catch {
            return .failure(report(error))
        }
    }

    /// Logs a failure of the storage and returns what the peer is told of it.
    public func report(_ error: StorageError) -> StanzaError {
        failures.report(error)
        // What took too long may do better another time.
        return error.kind == .cancelled ? .resourceConstraint : .internalServerError
    }

    /// Submits changes that nobody waits for; a failure is logged.
    func store(_ changes: [StorageChange]) {
        guard !changes.isEmpty else { return }
        storage.submit(changes, .soon) { [failures] result in
            if case .failure(let error) = result { failures.report(error) }
        }
    }

    /// The element that the server has written itself, or kept in its storage. `nil`: it is damaged, which is logged here.
    ///
    /// - Parameter what: what it is, for the log.
    public func element(
        fromOwn bytes: ByteBuffer, contentNamespace: Namespace = .none, _ what: StaticString
    ) -> Element? {
        do throws(XMLError) {
            return try Element(ownOutput: bytes, contentNamespace: contentNamespace)
        } catch {
            logger.error("cannot read \(what)", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// The same of what is stored.
    public func element(fromOwn bytes: [UInt8], _ what: StaticString) -> Element? {
        element(fromOwn: ByteBuffer(bytes: bytes), what)
    }

    /// The stanza that the server has written itself, as for a client's stream. `nil`: it is damaged, which is logged here.
    public func stanza(fromOwn bytes: ByteBuffer, _ what: StaticString) -> Stanza? {
        guard let element = element(fromOwn: bytes, contentNamespace: .client, what) else { return nil }
        guard let stanza = Stanza(element) else {
            logger.error("\(what) is no stanza")
            return nil
        }
        return stanza
    }

    /// Tells modules of a change that was made to an account. Does not block.
    func accountDidChange(_ account: Account) {
        var event = AccountEvent(account: account, host: self)
        fire(Hooks.accountChanged, &event)
    }
}

/// The hosts that are served here. Filled before the first listener opens, only read after that.
public final class HostTable: @unchecked Sendable {
    private var hosts: [String: Host] = [:]
    private var servicesByDomain: [String: any Service] = [:]

    init() {}

    public subscript(domain: String) -> Host? { hosts[domain] }
    public var all: [Host] { hosts.values.sorted { $0.domain < $1.domain } }

    func add(_ host: Host) { hosts[host.domain] = host }

    /// The service that a domain belongs to.
    func service(_ domain: String) -> (any Service)? { servicesByDomain[domain] }
    func add(_ service: any Service) { servicesByDomain[service.domain.domain] = service }
    public var services: [any Service] { servicesByDomain.values.sorted { $0.domain.domain < $1.domain.domain } }
}
