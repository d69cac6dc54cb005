import XML
import XMPP
import XMPPStream

/// Collects the declarations of a module when it is loaded.
public struct Registrar: Sendable {
    /// An identity of the host for service discovery.
    public struct Identity: Sendable, Hashable {
        public let category: String
        public let type: String
        public let name: String?

        public init(category: String, type: String, name: String? = nil) {
            self.category = category
            self.type = type
            self.name = name
        }
    }

    /// Handles an element of a stream that is not a stanza, or a stanza before a resource is bound. False: not handled.
    public typealias StreamElementHandler = @Sendable (Element, ClientStream) -> Bool

    struct StreamFeature: Sendable {
        let layer: StreamStateMachine.Layer
        let write: @Sendable (inout XMLWriter) -> Void
    }

    struct StreamElement: Sendable {
        let name: StaticString
        let namespace: Namespace
        let layer: StreamStateMachine.Layer
        let needs: SessionRights
        let handler: StreamElementHandler
    }

    /// A recurring job.
    struct Job: Sendable {
        let interval: Duration
        let run: @Sendable () async -> Void
    }

    /// Handles a request within the sign-in. Called on the stream's loop; its outcome is also run there.
    public typealias AuthenticationHandler =
        @Sendable (Element, AccountRecord, ClientStream) -> Eventual<@Sendable () -> InlineOutcome>

    struct AuthenticationFeature: Sendable {
        let name: StaticString
        let namespace: Namespace
        let needs: SessionRights
        let write: @Sendable (inout XMLWriter) -> Void
        let handler: AuthenticationHandler
    }

    struct BindFeature: Sendable {
        let namespace: Namespace
        let isAnnounced: Bool
        let needs: SessionRights
        /// Reads what `write` needs from the account before its session is bound.
        let read: (@Sendable (AccountRecord) -> Eventual<any Sendable>)?
        let write: @Sendable (Element?, any Sendable, ClientSession, inout XMLWriter) -> Void
    }

    /// An extended form for service discovery, with information about the host.
    public struct Information: Sendable, Hashable {
        /// The FORM_TYPE.
        public let type: String
        public let fields: [InformationField]

        public init(type: String, fields: [InformationField]) {
            self.type = type
            self.fields = fields
        }
    }

    /// One field of it.
    public struct InformationField: Sendable, Hashable {
        public let name: String
        public let values: [String]
        /// There may be several values. Clients read a list of one otherwise than a value.
        public let isList: Bool

        public init(_ name: String, _ values: [String]) {
            self.name = name
            self.values = values
            isList = true
        }

        public init(_ name: String, _ value: String) {
            self.name = name
            values = [value]
            isList = false
        }
    }

    let module: String
    var services: [ModuleService.Declaration] = []
    var information: [Information] = []
    var jobs: [Job] = []
    var ports: [PortUse] = []
    var resumption: ResumptionSettings?
    var rosterBounds: RosterBounds?
    var inactiveClientPolicies: [@Sendable (Stanza) -> InactiveClientPolicy?] = []
    var reservedElements: [ReservedElements.Rule] = []
    var commands: [Command] = []
    var preloads: [Preload] = []
    var tokenVerifiers: [TokenVerifier] = []
    var makesTokens = false
    var features: [Namespace] = []
    var accountFeatures: [Namespace] = []
    var identities: [Identity] = []
    var accountIdentities: [Identity] = []
    var iqHandlers: [IQTable.Entry] = []
    var streamFeatures: [StreamFeature] = []
    var streamElements: [StreamElement] = []
    var authenticationFeatures: [AuthenticationFeature] = []
    var bindFeatures: [BindFeature] = []
    private var addHooks: [@Sendable (inout HookTable) -> Void] = []

    init(module: String) {
        self.module = module
    }

    /// A feature that the host announces in service discovery.
    public mutating func feature(_ namespace: Namespace) {
        features.append(namespace)
    }

    /// A feature that the host announces for the bare JIDs of its accounts.
    public mutating func accountFeature(_ namespace: Namespace) {
        accountFeatures.append(namespace)
    }

    public mutating func identity(category: String, type: String, name: String? = nil) {
        identities.append(Identity(category: category, type: type, name: name))
    }

    /// A further identity of the host's accounts, at their bare JIDs.
    public mutating func accountIdentity(category: String, type: String) {
        accountIdentities.append(Identity(category: category, type: type))
    }

    /// Information about the host for service discovery, as a form of that type.
    public mutating func information(_ type: Namespace, _ fields: [InformationField]) {
        information.append(Information(type: type.name, fields: fields))
    }

    /// Provides a service with a domain of its own, which service discovery lists.
    ///
    /// - Parameters:
    ///   - label: its domain is this label before the host's domain, if `domain` is nil.
    ///   - name: its name in lists of services.
    ///   - declare: declares its features, identities, requests (`.server` is its domain, `.account` an address with a
    ///     local part, `.session` one with a resource), `Hooks.messageToService`, `presenceToService` and `iqToService`.
    public mutating func service(
        _ label: String, at domain: String? = nil, name: String? = nil, _ declare: (inout Registrar) -> Void
    ) {
        var registrar = Registrar(module: module)
        declare(&registrar)
        services.append(.init(label: label, domain: domain, name: name, registrar: registrar))
    }

    /// Answers IQ requests with this payload. Requests without a handler get `service-unavailable`.
    ///
    /// - Parameters:
    ///   - target: the addresses that the handler answers for.
    ///   - needs: the rights that the asking session needs; without them the answer is `forbidden`. By default only the
    ///     account's owner has them.
    public mutating func iq(
        _ type: IQRequest.Kind,
        _ name: StaticString,
        _ namespace: Namespace,
        to target: IQTarget,
        needs: SessionRights = .owner,
        _ handler: @escaping IQTable.Handler
    ) {
        iqHandlers.append(
            IQTable.Entry(
                type: type, name: name, namespace: namespace, target: target, module: module, needs: needs,
                handler: handler))
    }

    /// Answers requests of the host's accounts to themselves or to the host, sent by a client or by a component in the
    /// account's name. Others get `service-unavailable`, or another handler's answer.
    ///
    /// - Parameters:
    ///   - target: `.ownAccount`, `.server` or both.
    ///   - needs: as above.
    public mutating func accountIQ(
        _ type: IQRequest.Kind,
        _ name: StaticString,
        _ namespace: Namespace,
        to target: IQTarget,
        needs: SessionRights = .owner,
        _ handler: @escaping @Sendable (AccountRequest) -> Reply
    ) {
        iq(type, name, namespace, to: target, needs: needs) { request in request.account.map(handler) ?? .pass }
    }

    /// The same for handlers that need the asking session: only clients are answered.
    ///
    /// - Parameters:
    ///   - target: `.ownAccount`, `.server` or both.
    ///   - needs: as above.
    public mutating func clientIQ(
        _ type: IQRequest.Kind,
        _ name: StaticString,
        _ namespace: Namespace,
        to target: IQTarget,
        needs: SessionRights = .owner,
        _ handler: @escaping @Sendable (ClientRequest) -> Reply
    ) {
        iq(type, name, namespace, to: target, needs: needs) { request in request.client.map(handler) ?? .pass }
    }

    /// Declares a command for administrators, or for people on their own accounts. The module `commands` offers it to
    /// clients.
    public mutating func command(_ command: Command) { commands.append(command) }

    /// Adds a hook handler.
    public mutating func on<Event>(
        _ point: HookPoint<Event>,
        _ phase: HookPhase,
        _ handler: @escaping @Sendable (inout Event) -> Verdict
    ) {
        let entry = HookList<Event>.Entry(phase: phase, module: module, handler: handler)
        addHooks.append { $0.add([entry], at: point) }
    }

    /// Adds to the stream features of a layer, RFC 6120 §4.3.2.
    public mutating func streamFeature(
        _ layer: StreamStateMachine.Layer,
        _ write: @escaping @Sendable (inout XMLWriter) -> Void
    ) {
        streamFeatures.append(StreamFeature(layer: layer, write: write))
    }

    /// Handles an element of the stream that is not a stanza.
    ///
    /// - Parameter needs: the rights that the stream needs, once it has signed in.
    public mutating func streamElement(
        _ name: StaticString,
        _ namespace: Namespace,
        _ layer: StreamStateMachine.Layer,
        needs: SessionRights = .owner,
        _ handler: @escaping StreamElementHandler
    ) {
        streamElements.append(
            StreamElement(name: name, namespace: namespace, layer: layer, needs: needs, handler: handler))
    }

    /// Something that a client can request within its sign-in, XEP-0388 §2.5: the child of `<authenticate/>` with this
    /// name. It is processed before a resource is bound, and replaces binding if it gives the stream a session.
    ///
    /// - Parameters:
    ///   - needs: the rights that the stream needs; without them the request is ignored.
    ///   - announcement: writes its element in the stream feature.
    public mutating func authenticationFeature(
        _ name: StaticString, _ namespace: Namespace, needs: SessionRights = .owner,
        announcedBy announcement: @escaping @Sendable (inout XMLWriter) -> Void,
        _ handler: @escaping AuthenticationHandler
    ) {
        authenticationFeatures.append(
            AuthenticationFeature(
                name: name, namespace: namespace, needs: needs, write: announcement, handler: handler))
    }

    /// Something that a client can request within the binding of its resource, XEP-0386: a child of `<bind/>` in the
    /// feature's namespace.
    ///
    /// - Parameters:
    ///   - needs: the rights that the session needs.
    ///   - handler: called at each such binding, when the session exists, on its loop, with the client's request, if
    ///     any; writes into `<bound/>`. It must send nothing to the session before that.
    public mutating func bindFeature(
        _ namespace: Namespace, isAnnounced: Bool = true, needs: SessionRights = .owner,
        _ handler: @escaping @Sendable (Element?, ClientSession, inout XMLWriter) -> Void
    ) {
        bindFeatures.append(
            BindFeature(namespace: namespace, isAnnounced: isAnnounced, needs: needs, read: nil) {
                element, _, session, writer in
                handler(element, session, &writer)
            })
    }

    /// The same for a handler that needs data of the account.
    ///
    /// - Parameters:
    ///   - read: called before the session is bound; stanzas that arrive while it waits do not go to the session.
    ///   - handler: as above, with the data.
    public mutating func bindFeature<Value: Sendable>(
        _ namespace: Namespace, isAnnounced: Bool = true, needs: SessionRights = .owner,
        reading read: @escaping @Sendable (AccountRecord) -> Eventual<Value>,
        _ handler: @escaping @Sendable (Element?, Value, ClientSession, inout XMLWriter) -> Void
    ) {
        bindFeatures.append(
            BindFeature(
                namespace: namespace, isAnnounced: isAnnounced, needs: needs, read: { read($0).erased },
                write: { element, value, session, writer in
                    guard let value = value as? Value else { return }
                    handler(element, value, session, &writer)
                }))
    }

    /// Verifies access tokens that other servers made.
    public mutating func tokenVerifier(_ verify: @escaping TokenVerifier) {
        tokenVerifiers.append(verify)
    }

    /// Declares that the module makes access tokens.
    public mutating func makesAccessTokens() {
        makesTokens = true
    }

    /// Keeps an account's values of a store in memory, as long as the account is there: for data that a stanza needs
    /// and cannot wait for. The module changes the slot's value along with the store.
    ///
    /// - Parameter fill: puts the stored values, by key, into the slot's new value.
    public mutating func preload<Value>(
        _ store: String,
        in slot: AccountRecord.Slot<Value>,
        _ fill: @escaping @Sendable (Value, [String: [UInt8]]) -> Void
    ) {
        preloads.append(Preload(store: store) { record, values in fill(record[slot], values) })
    }

    /// Sets bounds for the rosters of the host's accounts.
    public mutating func rosterBounds(_ bounds: RosterBounds) { rosterBounds = bounds }

    /// Lets sessions with stream management outlive their connections.
    public mutating func resumption(_ settings: ResumptionSettings) { resumption = settings }

    /// Decides how stanzas are delivered to inactive clients (`ClientSession.isInactive`), directly before a
    /// stanza goes to the session's stream. It is not asked for active clients.
    ///
    /// - Parameter policy: called on any loop, without a lock held; nil: another module decides.
    public mutating func inactiveClientPolicy(_ policy: @escaping @Sendable (Stanza) -> InactiveClientPolicy?) {
        inactiveClientPolicies.append(policy)
    }

    /// Declares elements of messages and presence that only the server may add. They are stripped from what clients of
    /// any host send, before any handler sees it.
    ///
    /// - Parameter isForged: called for children in that namespace only, with the sender.
    public mutating func reserve(
        _ namespace: Namespace, where isForged: @escaping @Sendable (_ child: Element, _ from: JID) -> Bool
    ) {
        reservedElements.append(ReservedElements.Rule(namespace: namespace, isForged: isForged))
    }

    /// Adds a recurring job. The first run comes after one interval; the next interval begins when a run is done. A run
    /// does a bounded amount of work and leaves the rest to the next.
    public mutating func job(every interval: Duration, _ run: @escaping @Sendable () async -> Void) {
        jobs.append(Job(interval: interval, run: run))
    }

    /// Opens a port while the server listens and the module is loaded.
    public mutating func port(_ use: PortUse) { ports.append(use) }

    func addHooks(to table: inout HookTable) {
        for add in addHooks { add(&table) }
    }
}

extension Eventual {
    fileprivate var erased: Eventual<any Sendable> {
        switch self {
        case .now(let value): .now(value)
        case .later(let body): .later { await body() }
        }
    }
}
