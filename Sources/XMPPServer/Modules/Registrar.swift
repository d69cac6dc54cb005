import XML
import XMPP
import XMPPStream

/// Takes down what a module declares. There is one for each module while a host starts.
public struct Registrar {
    /// An identity of the host for service discovery, XEP-0030 §3.1.
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
    public typealias StreamElementHandler = @Sendable (Element, StreamHandler) -> Bool

    struct StreamFeature: Sendable {
        let layer: StreamStateMachine.Layer
        let write: @Sendable (inout XMLWriter) -> Void
    }

    struct StreamElement: Sendable {
        let name: StaticString
        let namespace: Namespace
        let layer: StreamStateMachine.Layer
        let handler: StreamElementHandler
    }

    /// Something that is done again and again.
    struct Job: Sendable {
        let interval: Duration
        let run: @Sendable () async -> Void
    }

    let module: String
    var jobs: [Job] = []
    var tokenVerifiers: [TokenVerifier] = []
    var features: [String] = []
    var accountFeatures: [String] = []
    var identities: [Identity] = []
    var iqHandlers: [IQTable.Entry] = []
    var streamFeatures: [StreamFeature] = []
    var streamElements: [StreamElement] = []
    private var addHooks: [@Sendable (inout HookTable) -> Void] = []

    init(module: String) {
        self.module = module
    }

    /// A feature that the host announces, XEP-0030.
    public mutating func feature(_ name: String) {
        features.append(name)
    }

    /// A feature that the host announces for its accounts' bare JIDs.
    public mutating func accountFeature(_ name: String) {
        accountFeatures.append(name)
    }

    public mutating func identity(category: String, type: String, name: String? = nil) {
        identities.append(Identity(category: category, type: type, name: name))
    }

    /// Answers IQ requests with this payload. Without a handler they get `service-unavailable`.
    ///
    /// - Parameter target: the addresses for which the handler answers.
    public mutating func iq(
        _ type: IQRequest.Kind,
        _ name: StaticString,
        _ namespace: Namespace,
        to target: IQTarget,
        _ handler: @escaping IQTable.Handler
    ) {
        iqHandlers.append(
            IQTable.Entry(
                type: type, name: name, namespace: namespace, target: target, module: module, handler: handler))
    }

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
    public mutating func streamElement(
        _ name: StaticString,
        _ namespace: Namespace,
        _ layer: StreamStateMachine.Layer,
        _ handler: @escaping StreamElementHandler
    ) {
        streamElements.append(StreamElement(name: name, namespace: namespace, layer: layer, handler: handler))
    }

    /// Says whose access tokens are that the server has not made itself.
    public mutating func tokenVerifier(_ verify: @escaping TokenVerifier) {
        tokenVerifiers.append(verify)
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
