import XML
import XMPP
import XMPPStream

/// Takes down what a module declares. There is one for each module while a host starts.
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

    /// Answers an element of a stream that is not a stanza, or a stanza before a resource is bound. `false`: not mine.
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

    /// Something that is done again and again.
    struct Job: Sendable {
        let interval: Duration
        let run: @Sendable () async -> Void
    }

    /// Does what a client asks for within its sign-in. Called on the stream's loop; what it answers, at once or later, is
    /// run there, too.
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
        /// What `write` has to know of the account before its session is bound.
        let read: (@Sendable (AccountRecord) -> Eventual<any Sendable>)?
        let write: @Sendable (Element?, any Sendable, ClientSession, inout XMLWriter) -> Void
    }

    /// A form that service discovery tells beside the features: what the host wants to be known of itself.
    public struct Information: Sendable, Hashable {
        /// What it is about, the form's type.
        public let type: Namespace
        public let fields: [InformationField]
    }

    /// One line of it.
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

    /// A feature that the host announces for its accounts' bare JIDs.
    public mutating func accountFeature(_ namespace: Namespace) {
        accountFeatures.append(namespace)
    }

    public mutating func identity(category: String, type: String, name: String? = nil) {
        identities.append(Identity(category: category, type: type, name: name))
    }

    /// What the host's accounts are besides, at their bare JIDs.
    public mutating func accountIdentity(category: String, type: String) {
        accountIdentities.append(Identity(category: category, type: type))
    }

    /// Tells something of the host by service discovery, as a form of that type.
    public mutating func information(_ type: Namespace, _ fields: [InformationField]) {
        information.append(Information(type: type, fields: fields))
    }

    /// Serves an address space beside the accounts: a domain of its own, which service discovery lists.
    ///
    /// - Parameters:
    ///   - label: stands before the host's domain, where `domain` says nothing else.
    ///   - name: what people read where services are listed.
    ///   - declare: declares what the service announces and answers: features, identities, requests (`.server` is its
    ///     domain, `.account` what has a name before it), `Hooks.messageToService` and `presenceToService`.
    public mutating func service(
        _ label: String, at domain: String? = nil, name: String? = nil, _ declare: (inout Registrar) -> Void
    ) {
        var registrar = Registrar(module: module)
        declare(&registrar)
        services.append(.init(label: label, domain: domain, name: name, registrar: registrar))
    }

    /// Answers IQ requests with this payload. Without a handler they get `service-unavailable`.
    ///
    /// - Parameters:
    ///   - target: the addresses for which the handler answers.
    ///   - needs: what the session that asks must be allowed; without it the answer is `forbidden`. A handler that does
    ///     not say is for the account's owner alone.
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

    /// Answers what clients of the host ask their own account or the host, with their sessions. Everybody else gets
    /// `service-unavailable`, or what another handler says.
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

    /// Declares something that administrators, or people about their accounts, have the host do. It takes the module
    /// `commands` to show it to clients.
    public mutating func command(_ command: Command) { commands.append(command) }

    /// Acts at a moment.
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

    /// Answers an element that belongs to the stream.
    ///
    /// - Parameter needs: what the stream must be allowed, once it has signed in, for the handler to be asked.
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

    /// Something that a client can ask for within its sign-in, XEP-0388 §2.5: the child of `<authenticate/>` with this
    /// name. It is done before a resource is bound, and takes the place of binding if it gives the stream a session.
    ///
    /// - Parameters:
    ///   - needs: what the stream must be allowed; who is not is not heard.
    ///   - announcement: writes what stands for it in the stream feature.
    public mutating func authenticationFeature(
        _ name: StaticString, _ namespace: Namespace, needs: SessionRights = .owner,
        announcedBy announcement: @escaping @Sendable (inout XMLWriter) -> Void,
        _ handler: @escaping AuthenticationHandler
    ) {
        authenticationFeatures.append(
            AuthenticationFeature(
                name: name, namespace: namespace, needs: needs, write: announcement, handler: handler))
    }

    /// Something that a client can ask for within the binding of its resource, XEP-0386: a child of `<bind/>` in the
    /// feature's namespace.
    ///
    /// - Parameters:
    ///   - needs: what the session must be allowed for the handler to be called.
    ///   - handler: runs at each such binding, when the session is in place, on its loop, with what the client has asked
    ///     for, if it has; writes into `<bound/>`. Nothing that it sends to the session may come before that.
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

    /// Something within the binding of a resource for which something has to be known of the account.
    ///
    /// - Parameters:
    ///   - read: called before the session is bound; what comes to the account while it waits is not for the session.
    ///   - handler: as above, with what was read.
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

    /// Says whose access tokens are that the server has not made itself.
    public mutating func tokenVerifier(_ verify: @escaping TokenVerifier) {
        tokenVerifiers.append(verify)
    }

    /// Says that the module makes access tokens.
    public mutating func makesAccessTokens() {
        makesTokens = true
    }

    /// Keeps in memory, for as long as an account is in it, what a store has about the account: for what stanzas have to
    /// know and cannot wait for. The module changes the slot's value along with the store.
    ///
    /// - Parameter fill: puts what is stored, by key, into the new value of the slot.
    public mutating func preload<Value>(
        _ store: String,
        in slot: AccountRecord.Slot<Value>,
        _ fill: @escaping @Sendable (Value, [String: [UInt8]]) -> Void
    ) {
        preloads.append(Preload(store: store) { record, values in fill(record[slot], values) })
    }

    /// Says how large the contact lists of the host's accounts may grow.
    public mutating func rosterBounds(_ bounds: RosterBounds) { rosterBounds = bounds }

    /// Lets sessions whose clients acknowledge what they get outlive their connections.
    public mutating func resumption(_ settings: ResumptionSettings) { resumption = settings }

    /// Says what becomes of a stanza for a client that does not look (`ClientSession.isInactive`): the moment before
    /// it goes to the session's stream. Sessions whose clients look never come here.
    ///
    /// - Parameter judge: called on any loop, under no lock; nil: another module may say.
    public mutating func inactiveClientPolicy(_ judge: @escaping @Sendable (Stanza) -> InactiveClientPolicy?) {
        inactiveClientPolicies.append(judge)
    }

    /// Declares children of messages and presence that no client may write in the server's name: they are taken off what
    /// clients of any host send, before any handler sees it.
    ///
    /// - Parameter isForged: called for children in that namespace alone, with their sender.
    public mutating func reserve(
        _ namespace: Namespace, where isForged: @escaping @Sendable (_ child: Element, _ from: JID) -> Bool
    ) {
        reservedElements.append(ReservedElements.Rule(namespace: namespace, isForged: isForged))
    }

    /// Does something again and again while the server runs, the first time after one interval; the next interval begins
    /// when it is done. A run has bounded work: what is left is for the next.
    public mutating func job(every interval: Duration, _ run: @escaping @Sendable () async -> Void) {
        jobs.append(Job(interval: interval, run: run))
    }

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
