import NIOCore
import XML
import XMPP

/// The server's side of a client's stream, RFC 6120 §4–§7: from the first header to a session.
///
/// It feeds `StreamStateMachine` with the connection's elements, performs the resulting actions on the connection, and
/// asks the host. The state is in the machine. Confined to its connection's loop; only its reference travels.
final class ClientNegotiation: StreamNegotiation, @unchecked Sendable {
    let delegate: any StreamDelegate
    /// Set by the connection's initialiser. Only the connection, or an owner of both, calls a negotiation.
    private(set) unowned var connection: StreamConnection!
    var machine: StreamStateMachine
    /// The host of the first header.
    var host: (any StreamHost)?
    /// The host's settings at the last header.
    private var sharedSettings: Shared<NegotiationSettings>?
    var settings: NegotiationSettings? { sharedSettings?.value }
    /// Values of modules before there is a session, by slot.
    var remembered: [ObjectIdentifier: any Sendable] = [:]

    init(_ delegate: any StreamDelegate, layer: StreamStateMachine.Layer) {
        self.delegate = delegate
        machine = StreamStateMachine(layer: layer)
    }

    func begin(on connection: StreamConnection) { self.connection = connection }

    var limits: XMLLimits { delegate.unauthenticatedLimits }
    var time: Duration { delegate.signInTime }
    var contentNamespace: Namespace { .client }
    var tls: (any TLSProvider)? { delegate.tls }
    var hasOpenStream: Bool { machine.hasOpenStream }
    var stream: ClientStream { ClientStream(connection, self) }

    func received(_ header: StreamHeader) {
        let domain = header.to.flatMap { JID($0)?.string }
        if host == nil { host = domain.flatMap { delegate.host(for: $0) } }
        let settings = host?.settings
        // It stays that of the first header.
        let isServed = settings != nil && settings?.value.domain == domain
        if isServed { sharedSettings = settings }
        run(machine.headerReceived(header, settings: isServed ? settings : nil), header)
    }

    func received(_ element: Element) { run(machine.elementReceived(element)) }

    func tlsEstablished(_ binding: ChannelBinding) {
        machine.tlsEstablished(binding)
    }

    func streamError(for error: XMLError) -> StreamError {
        switch (error.kind, settings) {
        case (.tooLarge, let settings?) where settings.oversizedStanza == .notWellFormed,
            (.notWellFormed, let settings?):
            StreamError(notWellFormed: error, prefix: settings.malformedTextPrefix)
        default:
            StreamError(error)
        }
    }

    // MARK: Actions

    func run(_ action: StreamStateMachine.HeaderAction, _ header: StreamHeader) {
        switch action {
        case .openStream(let layer):
            openStream(header)
            sendFeatures(layer)
        case .openStreamThenRedirect(let target):
            openStream(header)
            connection.redirect(to: target, within: delegate.redirectTime)
        case .openStreamThenClose(let error):
            openStream(header)
            connection.endStream(error)
        case .ignore:
            break
        }
    }

    func run(_ action: StreamStateMachine.ElementAction) {
        switch action {
        case .startTLS:
            startTLS()
        case .refuseTLS:
            refuseTLS()
        case .signIn(let action):
            run(action)
        case .bind(let id, let resource):
            bind(id: id, resource: resource)
        case .refuseBind(let id, let error):
            refuseBind(id: id, error)
        case .offerToModules(let element, let layer, let error):
            if host?.received(element, layer, on: stream) != true { connection.close(error) }
        case .refuseOutdated:
            refuseOutdated()
        case .close(let error):
            connection.endStream(error)
        case .ignore:
            break
        }
    }

    // MARK: Header and features

    private func openStream(_ header: StreamHeader) {
        writeHeader(to: header.from.flatMap { JID($0)?.bare }, language: settings?.language ?? "en")
    }

    func answerHeader() { writeHeader(to: nil, language: "en") }

    private func writeHeader(to client: JID?, language: String) {
        var bytes = ByteBuffer()
        StreamHeader.writeResponse(
            to: &bytes,
            contentNamespace: contentNamespace,
            id: SecureRandom.text(length: 16),
            from: settings?.domain ?? delegate.fallbackDomain,
            to: client,
            language: language
        )
        connection.append(bytes)
    }

    func sendFeatures(_ layer: StreamStateMachine.Layer) {
        guard let settings, let host else { return }
        let key = FeatureCache.Key(layer: layer, bindings: machine.binding.types, isBound: machine.isBound)
        let features = settings.features.features(key) { writeFeatures(layer, settings, host) }
        machine.featuresSent(version: features.version)
        connection.append(features.bytes)
    }

    private func writeFeatures(
        _ layer: StreamStateMachine.Layer, _ settings: NegotiationSettings, _ host: any StreamHost
    ) -> FeatureCache.Features {
        let offersSignIn = layer == .secured || (layer == .plain && !settings.requiresTLS)
        var version: String?
        var writer = XMLWriter()
        writer.start("features", prefix: "stream", .streams)
        if layer == .plain, settings.offersTLS {
            writer.element("starttls", .tls) { writer in
                if settings.requiresTLS { writer.element("required") }
            }
        }
        if offersSignIn { writeMechanisms(settings, host, to: &writer) }
        if layer == .authenticated, !machine.isBound { writer.element("bind", .bind) }
        if layer != .plain || !settings.requiresTLS {
            host.writeFeatures(layer, to: &writer)
        }
        if offersSignIn, settings.offersSASL2 {
            let name = FeatureCache.version(of: writer.written)
            writer.element("config-version", .pipelining, ["scheme": "opaque", "value": name])
            version = name
        }
        writer.end()
        return FeatureCache.Features(bytes: writer.finish(), version: version)
    }

    private func writeMechanisms(
        _ settings: NegotiationSettings, _ host: any StreamHost, to writer: inout XMLWriter
    ) {
        let binding = machine.binding
        let mechanisms = binding.usable(settings.mechanisms, bySASL2: false)
        writer.element("mechanisms", .sasl) { writer in
            for mechanism in mechanisms { writer.element("mechanism", text: mechanism.rawValue) }
        }
        let latest = settings.offersSASL2 ? binding.usable(settings.mechanisms, bySASL2: true) : mechanisms
        if settings.offersSASL2 { writeAuthentication(latest, settings, host, binding, to: &writer) }
        let types = binding.announced(for: latest)
        guard !types.isEmpty else { return }
        // XEP-0440 §2
        writer.element("sasl-channel-binding", "urn:xmpp:sasl-cb:0") { writer in
            for type in types { writer.element("channel-binding", nil, ["type": type.rawValue]) }
        }
    }

    // MARK: TLS

    private func startTLS() {
        // What was sent behind <starttls/> was not on TLS, and may come from anybody: it must not be processed as if on
        // TLS. White space is harmless.
        guard connection.parser.isUnreadBlank else { return connection.endStream(.policyViolation) }
        do {
            try connection.startTLS(behind: "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
        } catch {
            refuseTLS()
        }
    }

    private func refuseTLS() {
        connection.appendRaw("<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
        connection.endStream(nil)
    }

    // MARK: Sign-in

    func run(_ action: SASLAction) {
        guard let host, let settings else { return connection.close(.internalServerError) }
        let address = connection.remoteAddress
        switch action {
        case .challenge(let data):
            sendSASL("challenge", data: data)
        case .succeed(_, let mechanism, let data):
            if let client = machine.client { host.signedIn(client.jid, mechanism: mechanism, from: address) }
            if let request = machine.request { return continueSignIn(request, data: data) }
            sendSASL("success", data: data)
            connection.parser.restart()
            connection.raiseLimits(settings.connection)
        case .fail(let failure):
            host.signInRefused(from: address, failure)
            refuseSignIn(failure)
        case .findCredential(let user, let hash):
            connection.wait(host.credential(user: user, hash: hash, from: address)) { [self] found in
                answered(found.map { .credential($0) })
            }
        case .testProof(let user):
            testProof(of: user, host)
        case .verifyPassword(let user, let password):
            connection.wait(host.verify(user: user, password: password.value, from: address)) { [self] answer in
                answered(answer.map { .password($0) })
            }
        case .verifyToken(let text, _):
            connection.wait(host.verify(token: text.value, from: address)) { [self] answer in
                answered(answer.map { .token($0) })
            }
        case .verifyProof(let proof):
            connection.wait(host.verify(proof, from: address)) { [self] answer in
                answered(answer.map { .installation($0) })
            }
        case .askForTask(let hash, let data):
            askForTask(hash, data)
        case .sendSalt(let salt, let iterations):
            sendSalt(salt, iterations)
        case .keep(let credential):
            keep(credential)
        case .ignore:
            break
        }
    }

    private func answered(_ answer: Result<StreamStateMachine.SignInAnswer, SASLFailure>) {
        let event: StreamStateMachine.SignInAnswer =
            switch answer {
            case .success(let answer): answer
            case .failure(let failure): .refused(failure)
            }
        if let action = machine.lookUpAnswered(event) { run(action) }
    }

    private func testProof(of user: String, _ host: any StreamHost) {
        var action: SASLAction?
        let isTested = host.test(user: user, from: connection.remoteAddress) {
            action = machine.lookUpAnswered(.mayTest)
            return if case .fail(let failure) = action { failure } else { nil }
        }
        if !isTested { action = machine.lookUpAnswered(.refused(.temporaryAuthFailure)) }
        if let action { run(action) }
    }

    private func sendSASL(_ name: StaticString, data: [UInt8]?) {
        connection.write { writer in
            if let data, !data.isEmpty {
                writer.element(name, machine.signInNamespace, text: Base64.encode(data))
            } else {
                writer.element(name, machine.signInNamespace)
            }
        }
    }

    private func refuseSignIn(_ failure: SASLFailure) {
        connection.write { writer in
            writer.start("failure", machine.signInNamespace)
            writer.element(failure.name, .sasl)
            writer.end()
        }
        endUnlessMoreTries()
    }

    func endUnlessMoreTries() {
        guard machine.isClosing else { return }
        if settings?.attempts == 1 {
            connection.disconnectWhenWritten()
        } else {
            connection.endStream(.policyViolation)
        }
    }

    // MARK: Bind

    private func bind(id: String, resource: String?) {
        withAccount { [self] opened in
            switch opened.flatMap({ $0.bind(resource: resource, on: stream) }) {
            case .success(let session):
                bound(session, id: id)
            case .failure(let error):
                machine.bindRefused()
                refuseBind(id: id, error)
            }
        }
    }

    /// The signed-in account, as found during sign-in, or read now.
    func withAccount(_ body: @escaping @Sendable (Result<any StreamAccount, StanzaError>) -> Void) {
        guard let client = machine.client, let host else { return connection.close(.internalServerError) }
        if let account = client.account { return body(.success(account)) }
        connection.wait(host.open(client.jid)) { [self] opened in
            if case .success(let account) = opened { machine.accountFound(account) }
            body(opened)
        }
    }

    private func bound(_ session: any StreamSession, id: String) {
        machine.resourceBound()
        begin(session)
        let from = settings?.repliesFromDomain == true ? settings?.domain : nil
        connection.write { writer in
            writer.element("iq", .client, ["type": "result", "id": id, "from": from]) { writer in
                writer.element("bind", .bind) { writer in
                    writer.element("jid", text: session.jid.string)
                }
            }
        }
    }

    func begin(_ session: any StreamSession) {
        // No further sign-in on this stream.
        remembered = [:]
        connection.begin(session)
    }

    func resume(_ session: any StreamSession) {
        machine.sessionResumed()
        begin(session)
    }

    private func refuseBind(id: String, _ error: StanzaError) {
        connection.write { writer in
            writer.element("iq", .client, ["type": "error", "id": id]) { writer in
                error.write(to: &writer)
            }
        }
    }
}

extension StreamConnection {
    /// A client's connection.
    ///
    /// - Parameters:
    ///   - layer: `.secured` for a connection that began with TLS.
    ///   - forwardedAddress: the client's address if it is not the connection's.
    public convenience init(
        delegate: any StreamDelegate, loop: LoopContext, layer: StreamStateMachine.Layer = .plain,
        forwardedAddress: SocketAddress? = nil
    ) {
        self.init(ClientNegotiation(delegate, layer: layer), loop: loop, forwardedAddress: forwardedAddress)
    }
}
