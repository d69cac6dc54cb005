import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A virtual host: a served domain with its profile's settings and modules.
///
/// A module keeps the host that it was made for: through it the module reaches the accounts, the storage, the clock and
/// the router. The settings and the modules' declarations are one value, replaced as a whole (`LoadedModules`).
public final class Host: Sendable {
    public let domain: String
    public let jid: JID
    public let accounts: AccountTable
    public let storage: any Storage
    public let archiveIDs: ArchiveIDGenerator
    /// The router, the accounts, the modules and their host refer to each other: they live as long as the process.
    public let router: StanzaRouter
    public let logger: Logger
    private let failures: FailureLog
    package let key: ServerKey
    let registrations: RegistrationLimit
    let keyMaker: KeyMaker
    let signIns: SignInLog
    /// Limits owners' changes of their passwords.
    let passwordChanges = AttemptLimit<JID>(limit: 20, within: .seconds(60))
    let revocations = Revocations()
    let endedSessions = Mutex(EndedSessions())
    private let administer: @Sendable (Host) -> Administration?
    private let tokensExist = Atomic<Bool>(false)
    private let authorizationServerState = Mutex<String?>(nil)
    /// The wall clock.
    public let now: @Sendable () -> Timestamp
    /// Monotonic time, for limits and timeouts.
    public let uptime: @Sendable () -> Duration

    private let current = Replaceable<LoadedModules>()
    private let served = Atomic<Bool>(false)
    private let featureChanges = Atomic<Int>(0)

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
        administer: @escaping @Sendable (Host) -> Administration? = { _ in nil },
        logger: Logger,
        now: @escaping @Sendable () -> Timestamp,
        uptime: @escaping @Sendable () -> Duration
    ) {
        domain = jid.domain
        self.jid = jid
        self.storage = storage
        self.archiveIDs = archiveIDs
        self.router = router
        self.key = key
        self.administer = administer
        self.logger = logger
        failures = FailureLog(logger)
        self.now = now
        self.uptime = uptime
        self.keyMaker = keyMaker
        self.signIns = signIns
        registrations = RegistrationLimit(limits)
        accounts = AccountTable(storage: storage, capacity: limits.accountsInMemory) { [hosts = router.hosts] account in
            hosts.isHome(of: account)
        }
        current.set(LoadedModules(none: configuration, of: self))
        // A weak reference to what each stanza retains several times would make each of these slow.
        accounts.whenRosterIsUndone { [self] record, error, changes in
            _ = report(error)
            for change in changes { rosterDidChange(change, of: record) }
        }
        accounts.whenAdded { [self] account in
            accountAdded(account.jid)
            var event = AccountEvent(account: account, host: self)
            fire(Hooks.accountAdded, &event)
        }
        accounts.restoreSessions { [self] record, sessions in restore(sessions, into: record) }
    }

    /// The services of the host.
    public var services: [any Service] { router.hosts.services.filter { $0.host === self } }

    // MARK: Settings that the core asks for

    /// The personal data that the core and all existing modules declare.
    public var personalData: [PersonalData] { PersonalData.ofCore + configuration.personalData }

    /// How long an IQ handler may take, and how long a stanza may wait for one thing.
    public var iqTime: Duration { configuration.limits.requestTime }
    /// The requests of one session that may wait for their answers at once.
    var parallelRequests: Int { configuration.limits.parallelRequests }
    /// The address of the OAuth server's metadata, RFC 8414; nil: there is none.
    public var authorizationServer: String? {
        get { authorizationServerState.withLock { $0 } }
        set { authorizationServerState.withLock { $0 = newValue } }
    }
    /// Whether a reply to a request without an address has the domain as its sender.
    var repliesFromDomain: Bool { configuration.streams.usesLegacyFrom }

    /// Whether access tokens may exist: a module makes or verifies some, or an administrator has made one. Stays true
    /// until the server stops.
    public var hasAccessTokens: Bool { tokensExist.load(ordering: .relaxed) }

    /// The SASL mechanisms on offer. OAUTHBEARER is offered if tokens exist or nothing else is offered, as some clients
    /// prefer it even without a token.
    var mechanisms: [SASLMechanism] {
        let all = configuration.authentication.mechanisms
        guard !hasAccessTokens else { return all }
        let others = all.filter { $0 != .oauthBearer }
        return others.isEmpty ? all : others
    }

    /// The administration of the host; nil: the server is gone.
    public var administration: Administration? { administer(self) }

    /// Records that an access token exists.
    public func noteAccessToken() { tokensExist.store(true, ordering: .relaxed) }

    // MARK: Modules

    /// The present modules and settings. Code that uses several of them reads this once.
    var loaded: LoadedModules { current.value }

    public var configuration: HostConfiguration { _read { yield loaded.configuration } }
    public var modules: [any ServerModule] { loaded.modules.map(\.instance) }
    /// The module of a type; nil: the host has none. To be asked for with a stanza: casting to a type costs much more.
    public func module<Module: ServerModule>(_ type: Module.Type) -> Module? {
        for module in loaded.modules where Swift.type(of: module.instance) == type { return module.instance as? Module }
        return nil
    }
    public var features: [Namespace] { loaded.declarations.features }
    public var accountFeatures: [Namespace] { loaded.accountFeatures }
    public var accountIdentities: [Registrar.Identity] { loaded.accountIdentities }
    public var identities: [Registrar.Identity] { loaded.declarations.identities }
    /// Further information for service discovery.
    public var information: [Registrar.Information] { loaded.declarations.information }
    /// How sessions outlive their connections; nil: they do not.
    public var resumption: ResumptionSettings? { loaded.resumption }
    /// Bounds for rosters of its accounts.
    public var rosterBounds: RosterBounds { loaded.rosterBounds }
    /// The commands for administrators, and for people on their own accounts.
    public var commands: [Command] { loaded.commands }

    /// Whether the module of that name is on.
    public func offers(_ module: String) -> Bool { loaded.modules.contains { $0.configured.info.name == module } }

    /// Loads the modules of a configuration; those already loaded are kept. They are not in use yet.
    func modules(for configuration: HostConfiguration) throws(ModuleConflict) -> LoadedModules {
        let loaded = loaded
        if isServed, configuration.isSame(as: loaded.configuration) { return loaded }
        return try LoadedModules(configuration, after: loaded)
    }

    /// Puts modules and settings into use.
    func serve(_ loaded: LoadedModules) {
        if loaded.haveTokens { noteAccessToken() }
        accounts.preload(loaded.preloads)
        if loaded !== current.value { current.set(loaded) }
        served.store(true, ordering: .releasing)
    }

    /// Changes the limits.
    func use(_ limits: ServerLimits) {
        registrations.use(limits)
        accounts.use(capacity: limits.accountsInMemory)
    }

    /// Whether sessions may begin.
    var isServed: Bool { served.load(ordering: .acquiring) }

    /// Stops serving the host: its sessions end, and no others begin.
    func leave() {
        served.store(false, ordering: .releasing)
        for session in accounts.sessions { session.end(StreamError(.hostGone)) }
    }

    /// Incremented when the stream features change without other modules or settings.
    var featuresVersion: Int { featureChanges.load(ordering: .acquiring) }

    func featuresDidChange() { featureChanges.add(1, ordering: .acquiringAndReleasing) }

    /// Runs the handlers of a hook point. A verdict other than `.go` ends the run.
    ///
    /// - Returns: the error if a handler refused; nil otherwise.
    @discardableResult
    public func fire<Event>(_ point: HookPoint<Event>, _ event: inout Event) -> StanzaError? {
        let list = loaded.declarations.list(point)
        guard case .bounced(let error, _) = list.run(&event, from: 0, to: list.entries.count) else { return nil }
        return error
    }

    /// Runs the hook of a stored message; from any thread.
    public func messageKept(_ kept: KeptMessage) {
        var event = kept
        let hooks = loaded.declarations.messageKept
        _ = hooks.run(&event, from: 0, to: hooks.entries.count)
    }

    /// How a message or presence is delivered to an inactive client.
    ///
    /// - Parameter parsed: the same stanza, where it is at hand.
    func policy(of stanza: OutgoingStanza, _ parsed: Stanza?) -> InactiveClientPolicy {
        let policies = loaded.inactiveClientPolicies
        guard !policies.isEmpty, stanza.kind != .iq,
            let parsed = parsed ?? self.stanza(fromOwn: stanza.bytes, "a stanza for an inactive client")
        else { return .now }
        return policies.lazy.compactMap { $0(parsed) }.first ?? .now
    }

    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter) {
        for feature in loaded.streamFeatures where feature.layer == layer { feature.write(&writer) }
    }

    /// Writes the features of the sign-in, XEP-0388 §2.1 and XEP-0386 §3.1.
    func writeInlineFeatures(to writer: inout XMLWriter) {
        let loaded = loaded
        writer.element("bind", .bind2) { writer in
            guard loaded.bindFeatures.contains(where: \.isAnnounced) else { return }
            writer.element("inline") { writer in
                for feature in loaded.bindFeatures where feature.isAnnounced {
                    writer.element("feature", nil, ["var": feature.namespace.name])
                }
            }
        }
        for feature in loaded.authenticationFeatures { feature.write(&writer) }
    }

    /// Offers an element of a stream to the modules. False: none handles it.
    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool {
        loaded.streamElements.contains {
            $0.layer == layer && element.isNamed($0.name, $0.namespace)
                && (layer != .authenticated || stream.rights.isSuperset(of: $0.needs))
                && $0.handler(element, stream)
        }
    }

    // MARK: Accounts

    /// The record of an account; nil: there is none. A failure of the storage is logged here.
    public func find(_ jid: JID) async -> Result<AccountRecord?, StanzaError> {
        do {
            return .success(try await accounts.load(jid))
        } catch {
            return .failure(report(error))
        }
    }

    /// The address of the account with this account id, such as `mary@contoso.example`; nil: there is none.
    public func resolve(accountID: String) async -> Result<JID?, StanzaError> {
        do {
            return .success(try await storage.account(host: domain, accountID: accountID)?.jid)
        } catch {
            return .failure(report(error))
        }
    }

    /// Logs a failure of the storage, and returns the error for the peer.
    public func report(_ error: StorageError) -> StanzaError {
        failures.report(error)
        // What took too long may succeed another time.
        return error.kind == .cancelled ? .resourceConstraint : .internalServerError
    }

    /// The error of a failed commit; nil: it did not fail.
    func failure(of result: Result<Void, StorageError>) -> StanzaError? {
        if case .failure(let error) = result { report(error) } else { nil }
    }

    /// Submits changes without waiting; a failure is logged.
    func store(_ changes: [StorageChange]) {
        guard !changes.isEmpty else { return }
        storage.submit(changes, .soon) { [failures] result in
            if case .failure(let error) = result { failures.report(error) }
        }
    }

    /// Parses an element that the server has written or stored itself. nil: it is damaged, which is logged here.
    ///
    /// - Parameter what: its description for the log.
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

    /// The same for stored bytes.
    public func element(fromOwn bytes: [UInt8], _ what: StaticString) -> Element? {
        element(fromOwn: ByteBuffer(bytes: bytes), what)
    }

    /// Decodes a value of a store. nil: it is damaged, which is logged here.
    func value<Value: StoredValue>(fromOwn bytes: [UInt8], of store: String) -> Value? {
        do throws(StorageError) {
            return try StoredXML.decode(bytes, store: store)
        } catch {
            failures.report(error)
            return nil
        }
    }

    /// Parses a stanza that the server has written itself. nil: it is damaged, which is logged here.
    public func stanza(fromOwn bytes: ByteBuffer, _ what: StaticString) -> Stanza? {
        guard let element = element(fromOwn: bytes, contentNamespace: .client, what) else { return nil }
        guard let stanza = Stanza(element) else {
            logger.error("\(what) is no stanza")
            return nil
        }
        return stanza
    }

    /// Runs the hook of a roster change without a client's stanza. Does not block.
    func rosterDidChange(_ change: RosterChange, of record: AccountRecord) {
        var event = RosterEvent(account: record, change: change, host: self)
        fire(Hooks.rosterChanged, &event)
    }

    /// Changes settings of an account, in one commit with other changes, and tells modules of it.
    ///
    /// - Returns: the account as it is then.
    /// - Throws: the error of the storage; nothing has changed then.
    public func change(
        _ record: AccountRecord, _ update: AccountUpdate, with changes: [StorageChange] = []
    ) async throws(StorageError) -> Account {
        try await record.update(update, with: changes) { [self] account in
            var event = AccountEvent(account: account, host: self)
            fire(Hooks.accountChanged, &event)
        }
    }
}
