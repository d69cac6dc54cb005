import NIOCore
import XML
import XMPP

/// The effects of the negotiation.
extension StreamHandler {
    func run(_ action: StreamStateMachine.HeaderAction, header: StreamHeader) {
        switch action {
        case .openStream(let layer):
            openStream(header)
            sendFeatures(layer)
        case .openStreamThenRedirect(let target):
            openStream(header)
            redirect(to: target)
        case .openStreamThenClose(let error):
            openStream(header)
            endStream(error)
        case .ignore:
            break
        }
    }

    func run(_ action: StreamStateMachine.ElementAction) {
        switch action {
        case .stanza(let stanza):
            session?.received(stanza)
        case .startTLS:
            startTLS()
        case .refuseTLS:
            appendRaw("<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
            endStream(nil)
        case .signIn(let action):
            run(action)
        case .bind(let id, let resource):
            bind(id: id, resource: resource)
        case .refuseBind(let id, let error):
            refuseBind(id: id, error)
        case .offerToModules(let element, let layer, let error):
            guard let domain = settings?.domain,
                delegate.received(element, domain: domain, layer: layer, on: self)
            else { return close(error) }
        case .refuseOutdated:
            refuseOutdated()
        case .close(let error):
            endStream(error)
        case .ignore:
            break
        }
    }

    // MARK: Header and features

    private func openStream(_ header: StreamHeader) {
        let client = header.from.flatMap { JID($0)?.bare }
        var bytes = ByteBuffer()
        StreamHeader.writeResponse(
            to: &bytes,
            id: SecureRandom.text(length: 16),
            from: settings?.domain ?? delegate.fallbackDomain,
            to: client,
            language: settings?.language ?? "en"
        )
        append(bytes)
    }

    func sendFeatures(_ layer: StreamStateMachine.Layer) {
        guard let settings else { return }
        let key = FeatureCache.Key(layer: layer, bindings: binding.types, isBound: machine.isBound)
        let features = settings.features.features(key) { writeFeatures(layer, settings) }
        machine.featuresVersion = features.version
        append(features.bytes)
    }

    private func writeFeatures(
        _ layer: StreamStateMachine.Layer, _ settings: NegotiationSettings
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
        if offersSignIn { writeMechanisms(settings, binding, to: &writer) }
        if layer == .authenticated, !machine.isBound { writer.element("bind", .bind) }
        if layer != .plain || !settings.requiresTLS {
            delegate.writeFeatures(of: settings.domain, layer: layer, to: &writer)
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
        _ settings: NegotiationSettings, _ binding: ChannelBinding, to writer: inout XMLWriter
    ) {
        let mechanisms = binding.usable(settings.mechanisms, bySASL2: false)
        writer.element("mechanisms", .sasl) { writer in
            for mechanism in mechanisms { writer.element("mechanism", text: mechanism.rawValue) }
        }
        let latest = settings.offersSASL2 ? binding.usable(settings.mechanisms, bySASL2: true) : mechanisms
        if settings.offersSASL2 { writeAuthentication(latest, settings, binding, to: &writer) }
        let types = binding.announced(for: latest)
        guard !types.isEmpty else { return }
        // XEP-0440 §2
        writer.element("sasl-channel-binding", "urn:xmpp:sasl-cb:0") { writer in
            for type in types { writer.element("channel-binding", nil, ["type": type.rawValue]) }
        }
    }

    // MARK: TLS

    private func startTLS() {
        // What was sent behind <starttls/> came in clear, from whomever: it must not be taken as said on TLS. White space
        // says nothing.
        guard parser.isUnreadBlank, let context else { return endStream(.policyViolation) }
        do {
            let handlers = try makeTLSHandlers(skippingBlanks: true)
            parser.reset()
            appendRaw("<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
            // All of it now, whether the client reads or not: what is written later is on TLS.
            writeOutput(context, promise: nil)
            try context.pipeline.syncOperations.addHandlers(handlers, position: .first)
        } catch {
            appendRaw("<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
            endStream(nil)
        }
    }

    // MARK: Sign-in

    func run(_ action: SASLAction) {
        guard let domain = settings?.domain else { return close(.internalServerError) }
        switch action {
        case .challenge(let data):
            sendSASL("challenge", data: data)
        case .succeed(_, let mechanism, let data):
            if let account = machine.signedIn {
                delegate.signedIn(account, mechanism: mechanism, from: remoteAddress)
            }
            if let request = machine.request { return goOn(request, data: data) }
            sendSASL("success", data: data)
            parser.restart()
            raiseLimits()
        case .fail(let failure):
            delegate.signInRefused(domain: domain, from: remoteAddress, failure)
            token = nil
            installation = nil
            account = nil
            refuseSignIn(failure)
        case .findCredential(let user, let hash):
            wait(delegate.credential(user: user, hash: hash, domain: domain, from: remoteAddress)) { handler, found in
                handler.account = try? found.get().account
                handler.answered(found.map { .credential($0.credential) })
            }
        case .testProof(let user):
            testProof(of: user, domain)
        case .verifyPassword(let user, let password):
            wait(delegate.verify(user: user, password: password.value, domain: domain, from: remoteAddress)) {
                handler, answer in
                handler.account = try? answer.get().account
                handler.answered(answer.map { .verified($0.user) })
            }
        case .verifyToken(let token, _):
            wait(delegate.verify(token: token.value, domain: domain, from: remoteAddress)) { handler, answer in
                handler.token = try? answer.get()
                handler.answered(answer.map { .verified($0.user) })
            }
        case .verifyProof(let proof):
            wait(delegate.verify(proof, domain: domain, from: remoteAddress)) { handler, answer in
                handler.installation = try? answer.get()
                handler.account = handler.installation?.account
                handler.answered(answer.map { .verified($0.user, data: $0.response) })
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

    private func testProof(of user: String, _ domain: String) {
        var action: SASLAction?
        let isTested = delegate.test(user: user, domain: domain, from: remoteAddress) {
            action = machine.lookUpAnswered(.mayTest)
            return if case .fail(let failure) = action { failure } else { nil }
        }
        if !isTested { action = machine.lookUpAnswered(.refused(.temporaryAuthFailure)) }
        if let action { run(action) }
    }

    /// Goes on with an answer: at once, or when it is there; reading stops until then.
    public func wait<Value: Sendable>(
        _ answer: Eventual<Value>, then: @escaping @Sendable (StreamHandler, Value) -> Void
    ) {
        switch answer {
        case .now(let value): then(self, value)
        case .later(let body): wait(body, then: then)
        }
    }

    /// Stops reading, waits for `body` outside the loop and hands its result to `then` on the loop.
    public func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (StreamHandler, Value) -> Void
    ) {
        pause(.lookUp)
        Task { [self] in
            let value = await body()
            eventLoop.execute {
                guard self.context != nil, !self.machine.isClosing else { return }
                then(self, value)
                self.resume(.lookUp)
            }
        }
    }

    private var saslNamespace: Namespace { machine.request == nil ? .sasl : .sasl2 }

    private func sendSASL(_ name: StaticString, data: [UInt8]?) {
        write { writer in
            if let data, !data.isEmpty {
                writer.element(name, saslNamespace, text: Base64.encode(data))
            } else {
                writer.element(name, saslNamespace)
            }
        }
    }

    private func refuseSignIn(_ failure: SASLFailure) {
        write { writer in
            writer.start("failure", saslNamespace)
            writer.element(failure.name, .sasl)
            writer.end()
        }
        endUnlessMoreTries()
    }

    func endUnlessMoreTries() {
        guard !machine.mayTryAgain else { return }
        if settings?.attempts == 1 {
            disconnectWhenWritten()
        } else {
            endStream(.policyViolation)
        }
    }

    // MARK: Bind

    private func bind(id: String, resource: String?) {
        withAccount { handler, opened in
            switch opened.flatMap({ handler.delegate.bind($0, resource: resource, on: handler) }) {
            case .success(let session):
                handler.bound(session, id: id)
            case .failure(let error):
                handler.machine.bindRefused()
                handler.refuseBind(id: id, error)
            }
        }
    }

    /// The account that has signed in, as the look-up of the sign-in has found it, or read now.
    func withAccount(
        _ body: @escaping @Sendable (StreamHandler, Result<FoundAccount, StanzaError>) -> Void
    ) {
        if let account { return body(self, .success(account)) }
        guard let jid = machine.signedIn, let domain = settings?.domain else { return close(.internalServerError) }
        wait(delegate.open(jid, domain: domain)) { handler, opened in
            handler.account = try? opened.get()
            body(handler, opened)
        }
    }

    private func bound(_ session: any StreamSession, id: String) {
        machine.resourceBound()
        begin(session)
        let from = settings?.repliesFromDomain == true ? settings?.domain : nil
        write { writer in
            writer.element("iq", .client, ["type": "result", "id": id, "from": from]) { writer in
                writer.element("bind", .bind) { writer in
                    writer.element("jid", text: session.jid.string)
                }
            }
        }
    }

    /// From now on the stream's stanzas are the session's.
    func begin(_ session: any StreamSession) {
        self.session = session
        // The session has what it needs of them.
        account = nil
        installation = nil
        // Nobody signs in here any more.
        binding = ChannelBinding()
        deadline = nil
        lastStanza = eventLoop.now
        lookAgain()
    }

    /// The account that has signed in and has no session yet, a bare JID.
    public var signedIn: JID? { machine.signedIn }

    /// Gives a stream that has signed in, and bound no resource yet, a session that it goes on with.
    public func resume(_ session: any StreamSession) {
        machine.sessionResumed()
        begin(session)
    }

    private func refuseBind(id: String, _ error: StanzaError) {
        write { writer in
            writer.element("iq", .client, ["type": "error", "id": id]) { writer in
                error.write(to: &writer)
            }
        }
    }

    func appendRaw(_ text: StaticString) {
        append(ByteBuffer(staticString: text))
    }
}
