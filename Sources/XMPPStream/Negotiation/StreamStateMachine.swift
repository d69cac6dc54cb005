import XML
import XMPP

/// Decides what a client's stream does next, RFC 6120 §4–§7: header, STARTTLS, SASL, resource binding.
///
/// **Overview.** A stream is opened up to three times on one connection: in clear, on TLS, and after sign-in. Each
/// opening sends the features of its layer, and each layer admits only the elements that it offered. What comes too
/// early ends the stream: no element of a later layer is ever looked at.
///
/// **Responsibilities.**
/// 1. Which header is answered, refused or redirected.
/// 2. Which element is served in which layer.
/// 3. How often sign-in may fail.
/// 4. That the host of the first header stays the host of the connection.
///
/// **Representation.** One enum; a state is a struct that is made from the one before it, and has only what is known then:
/// what a sign-in has learned is gone when the sign-in fails, and the client is gone when its session knows it. Events are
/// the methods, each returns its own action; nothing here has an effect. `ClientNegotiation` performs the actions and
/// reports what came of them. The exchange of SASL messages is a machine of its own, `SASLExchange`, which exists from the
/// first `<auth/>` of a stream until sign-in succeeds.
///
/// By XEP-0388 sign-in goes on behind the exchange: what the client asked for with it is done, most often a resource is
/// bound, and the answer to all of it is the success. The stream is not opened anew; features follow at once.
///
/// **Odd cases.** Direct TLS is a connection whose first opening is already on the secured layer. Where a host does not
/// require TLS (tests, a proxy that has ended TLS), the clear layer offers sign-in as well.
public struct StreamStateMachine: ~Copyable {
    /// The layers of a connection.
    public enum Layer: Sendable, Equatable {
        case plain
        case secured
        case authenticated
    }

    /// A connection whose client has to open a stream, for the first time or again.
    fileprivate struct Unopened {
        var layer: Layer
        /// The settings of the first header's host.
        var settings: Shared<NegotiationSettings>?
        var binding = ChannelBinding()
        var tries = Tries()
    }

    /// An open stream before sign-in.
    fileprivate struct Open {
        let layer: Layer
        let settings: Shared<NegotiationSettings>
        let binding: ChannelBinding
        /// The address in the stream's header; a bare JID.
        let claimedFrom: JID?
        var tries: Tries
        var exchange: SASLExchange?
        /// The version of the features sent (XEP-0509); nil: not announced.
        var featuresVersion: String?

        init(_ unopened: Unopened, _ settings: Shared<NegotiationSettings>, claimedFrom: JID?) {
            layer = unopened.layer
            self.settings = settings
            binding = unopened.binding
            self.claimedFrom = claimedFrom
            tries = unopened.tries
        }

        var mayTryAgain: Bool { tries.mayTryAgain(settings.value.attempts) }

        /// The exchange for all attempts on this stream.
        mutating func openExchange() -> SASLExchange {
            if let exchange { return exchange }
            let settings = settings.value
            let made = SASLExchange(
                offered: settings.mechanisms, binding: binding, host: settings.domain, offersFAST: settings.offersFAST,
                authorizationServer: settings.authorizationServer)
            exchange = made
            return made
        }
    }

    /// A sign-in in progress.
    fileprivate struct Authenticating {
        var stream: Open
        let exchange: SASLExchange
        /// The request of a sign-in by XEP-0388; nil: it is one by RFC 6120.
        let request: AuthenticationRequest?
        var account: (any StreamAccount)?
        var token: VerifiedToken?
        var installation: VerifiedInstallation?
    }

    /// A signed-in client.
    struct SignedIn {
        /// A bare JID.
        let jid: JID
        /// As found during the sign-in; nil: not yet.
        var account: (any StreamAccount)?
        /// The token that it has signed in with; nil: other credentials.
        let token: VerifiedToken?
        /// The installation that has signed in with its token; nil: other credentials.
        let installation: VerifiedInstallation?
        /// The client's description of itself.
        let userAgent: UserAgent?

        fileprivate init(_ jid: JID, _ signIn: Authenticating) {
            self.jid = jid
            account = signIn.account
            token = signIn.token
            installation = signIn.installation
            userAgent = signIn.request?.userAgent
        }
    }

    /// By XEP-0388: the exchange has succeeded, the other requests are being processed.
    fileprivate struct Finishing {
        let stream: Open
        let request: AuthenticationRequest
        var client: SignedIn
    }

    /// Failed sign-ins.
    fileprivate struct Tries {
        /// Those in which a secret was tested.
        private var failures = 0
        private var exchanges = 0

        /// Bounds failures for other reasons: clients may try mechanisms and channel bindings that they cannot use,
        /// without a secret being tested, before they find one that works.
        private static let maximumExchanges = 10

        func mayTryAgain(_ attempts: Int) -> Bool { failures < attempts && exchanges < Self.maximumExchanges }

        mutating func countOutdated() { exchanges += 1 }

        mutating func count(_ failure: SASLFailure) {
            exchanges += 1
            switch failure {
            case .notAuthorized, .accountDisabled, .credentialsExpired, .invalidAuthzid: failures += 1
            default: break
            }
        }
    }

    // Large states are indirect, so that a bound stream has no space for them.
    private enum State {
        indirect case unopened(Unopened)
        /// TLS is starting; then a stream is opened again.
        indirect case securing(Unopened)
        indirect case open(Open)
        indirect case authenticating(Authenticating)
        indirect case finishing(Finishing)
        /// By XEP-0480: the client provides keys that the account lacks.
        indirect case upgrading(Finishing, SASLUpgrade)
        /// By RFC 6120: the client has signed in, and has to open a stream again.
        indirect case reopening(SignedIn, Shared<NegotiationSettings>)
        indirect case signedIn(SignedIn)
        indirect case binding(SignedIn)
        case bound
        /// The stream is to be closed, as the last action says.
        case over
    }

    private var state: State
    /// The form of the present or last sign-in.
    private(set) var signInNamespace = Namespace.sasl

    /// - Parameter layer: `.secured` for a connection that began with TLS.
    public init(layer: Layer = .plain) {
        state = .unopened(Unopened(layer: layer))
    }

    // MARK: What is known

    public var isBound: Bool {
        switch state {
        case .bound: true
        default: false
        }
    }

    /// Whether a stream header has been answered since the last restart, so that errors need none.
    public var hasOpenStream: Bool {
        switch state {
        case .unopened, .securing, .reopening: false
        default: true
        }
    }

    public var isClosing: Bool {
        switch state {
        case .over: true
        default: false
        }
    }

    /// The signed-in client, until it has a session.
    var client: SignedIn? {
        switch state {
        case .finishing(let finishing), .upgrading(let finishing, _): finishing.client
        case .reopening(let client, _), .signedIn(let client), .binding(let client): client
        default: nil
        }
    }

    /// The channel binding that the client can prove.
    var binding: ChannelBinding {
        switch state {
        case .open(let stream): stream.binding
        default: ChannelBinding()
        }
    }

    // MARK: Header

    public enum HeaderAction: Sendable {
        case openStream(features: Layer)
        case openStreamThenRedirect(String)
        case openStreamThenClose(StreamError)
        case ignore
    }

    /// - Parameter settings: those of the host in the header; nil if it is not served here.
    public mutating func headerReceived(
        _ header: StreamHeader, settings: Shared<NegotiationSettings>?
    ) -> HeaderAction {
        switch state {
        case .unopened(let unopened):
            return opened(header, settings, former: unopened.settings, unopened.layer, nil) {
                .open(Open(unopened, $0, claimedFrom: $1))
            }
        case .reopening(let client, let former):
            return opened(header, settings, former: former, .authenticated, client.jid) { _, _ in .signedIn(client) }
        case .over:
            return .ignore
        default:
            return closeHeader(.badFormat)
        }
    }

    private mutating func opened(
        _ header: StreamHeader, _ settings: Shared<NegotiationSettings>?, former: Shared<NegotiationSettings>?,
        _ layer: Layer, _ account: JID?, _ next: (Shared<NegotiationSettings>, JID?) -> State
    ) -> HeaderAction {
        guard header.isSupported else { return closeHeader(.unsupportedVersion) }
        guard let settings, former == nil || former?.value.domain == settings.value.domain else {
            return closeHeader(.hostUnknown)
        }
        let from = header.from.flatMap { JID($0)?.bare }
        if let from, settings.value.offersSASL2, from.domain != settings.value.domain {
            return closeHeader(.invalidFrom)
        }
        if let target = Self.redirect(settings.value, layer, account) {
            state = .over
            return .openStreamThenRedirect(target)
        }
        state = next(settings, from)
        return .openStream(features: layer)
    }

    private mutating func closeHeader(_ error: StreamError) -> HeaderAction {
        state = .over
        return .openStreamThenClose(error)
    }

    /// The redirect for clients of a layer.
    private static func redirect(_ settings: NegotiationSettings, _ layer: Layer, _ account: JID?) -> String? {
        guard let redirect = settings.redirect else { return nil }
        switch (redirect.stage, layer) {
        case (.beforeTLS, .plain), (.beforeSASL, .secured):
            return redirect.target
        case (.afterSASL, .authenticated):
            let isConcerned = redirect.accounts.map { accounts in account.map(accounts.contains) ?? false } ?? true
            return isConcerned ? redirect.target : nil
        default:
            return nil
        }
    }

    /// The features of the open stream were sent with that version.
    mutating func featuresSent(version: String?) {
        guard case .open(var stream) = state else { return }
        stream.featuresVersion = version
        state = .open(stream)
    }

    // MARK: Elements

    public enum ElementAction: Sendable {
        case startTLS
        case refuseTLS
        case signIn(SASLAction)
        case bind(id: String, resource: String?)
        /// Another element: a module may handle it, otherwise the stream ends with the error.
        case offerToModules(Element, Layer, otherwise: StreamError)
        case refuseBind(id: String, StanzaError)
        /// The sign-in expects other features than this stream's; XEP-0509 §2.2.
        case refuseOutdated
        case close(StreamError)
        case ignore
    }

    /// - Parameter element: any element before there is a session; then one that is not a stanza.
    public mutating func elementReceived(_ element: Element) -> ElementAction {
        switch state {
        case .bound:
            return .offerToModules(element, .authenticated, otherwise: .unsupportedStanzaType)
        case .open(let stream):
            return received(element, on: stream)
        case .authenticating(let signIn):
            return signingIn(element, on: signIn.stream, signIn)
        case .upgrading(let finishing, let upgrade):
            return upgrading(element, finishing, upgrade)
        case .signedIn(let client):
            return received(element, from: client)
        case .binding:
            return close(.policyViolation)
        case .unopened, .securing, .reopening:
            return close(.badFormat)
        case .finishing:
            return close(.notAuthorized)
        case .over:
            return .ignore
        }
    }

    private mutating func received(_ element: Element, on stream: Open) -> ElementAction {
        let settings = stream.settings.value
        switch stream.layer {
        case .plain where element.isNamed("starttls", .tls):
            guard settings.offersTLS else {
                state = .over
                return .refuseTLS
            }
            state = .securing(Unopened(layer: .plain, settings: stream.settings, tries: stream.tries))
            return .startTLS
        case .plain where settings.requiresTLS:
            guard element.isNamed("auth", .sasl) else { return close(.notAuthorized) }
            return .signIn(failed(.encryptionRequired, on: stream))
        default:
            if element.isIn(.sasl) || element.isIn(.sasl2) && settings.offersSASL2 {
                return signingIn(element, on: stream, nil)
            }
            if element.isIn(.tls) {
                state = .over
                return .refuseTLS
            }
            return .offerToModules(element, stream.layer, otherwise: .notAuthorized)
        }
    }

    private mutating func received(_ element: Element, from client: SignedIn) -> ElementAction {
        guard element.isNamed("iq", .client), element.attribute("type", equals: "set"),
            let request = element.child("bind", .bind)
        else { return .offerToModules(element, .authenticated, otherwise: .notAuthorized) }
        guard let id = element["id"] else { return .refuseBind(id: "", .badRequest) }
        state = .binding(client)
        let resource = request.child("resource", .bind)?.text
        return .bind(id: id, resource: resource?.isEmpty == true ? nil : resource)
    }

    // MARK: Sign-in

    private mutating func signingIn(_ element: Element, on stream: Open, _ signIn: Authenticating?) -> ElementAction {
        var stream = stream
        let exchange = stream.openExchange()
        let going = signIn ?? Authenticating(stream: stream, exchange: exchange, request: nil)
        if element.isNamed("authenticate", .sasl2) {
            let request = AuthenticationRequest(element)
            if let expected = request.expectedFeatures, expected != stream.featuresVersion {
                return outdated(on: stream, signIn)
            }
            signInNamespace = .sasl2
            let action = exchange.started(
                mechanism: request.mechanism, initialResponse: request.initialResponse, request: request)
            return .signIn(settle(action, Authenticating(stream: stream, exchange: exchange, request: request)))
        }
        if element.isNamed("auth", .sasl) {
            signInNamespace = .sasl
            let text = element.text
            let action = exchange.started(
                mechanism: element["mechanism"] ?? "", initialResponse: text.isEmpty ? nil : text)
            return .signIn(settle(action, Authenticating(stream: stream, exchange: exchange, request: nil)))
        }
        guard element.isIn(signInNamespace) else { return close(.notAuthorized) }
        if element.hasName("response") { return .signIn(settle(exchange.responded(element.text), going)) }
        if element.hasName("abort") { return .signIn(settle(exchange.aborted(), going)) }
        return close(.unsupportedStanzaType)
    }

    private mutating func outdated(on stream: Open, _ signIn: Authenticating?) -> ElementAction {
        var stream = stream
        stream.tries.countOutdated()
        if !stream.mayTryAgain {
            state = .over
        } else if var signIn {
            signIn.stream = stream
            state = .authenticating(signIn)
        } else {
            state = .open(stream)
        }
        return .refuseOutdated
    }

    /// The server's answer to a look-up.
    enum SignInAnswer: Sendable {
        case credential(FoundCredential)
        case mayTest
        case password(VerifiedPassword)
        case token(VerifiedToken)
        case installation(VerifiedInstallation)
        case refused(SASLFailure)
    }

    /// nil if the stream has ended meanwhile.
    mutating func lookUpAnswered(_ answer: SignInAnswer) -> SASLAction? {
        guard case .authenticating(var signIn) = state else { return nil }
        let exchange = signIn.exchange
        let action: SASLAction
        switch answer {
        case .credential(let found):
            signIn.account = found.account
            action = exchange.credentialFound(found.credential)
        case .mayTest:
            action = exchange.mayTest()
        case .password(let verified):
            signIn.account = verified.account
            action = exchange.verified(account: verified.user, data: nil)
        case .token(let verified):
            signIn.token = verified
            action = exchange.verified(account: verified.user, data: nil)
        case .installation(let verified):
            signIn.account = verified.account
            signIn.installation = verified
            action = exchange.verified(account: verified.user, data: verified.response)
        case .refused(let failure):
            action = exchange.refused(failure)
        }
        return settle(action, signIn)
    }

    private mutating func settle(_ action: SASLAction, _ signIn: Authenticating) -> SASLAction {
        var stream = signIn.stream
        switch action {
        case .succeed(let user, _, _):
            // Another sign-in on this stream begins with a new one.
            stream.exchange = nil
            guard let jid = JID(local: user, domain: stream.settings.value.domain, resource: nil) else {
                return failed(.temporaryAuthFailure, on: stream)
            }
            let client = SignedIn(jid, signIn)
            guard let request = signIn.request else {
                state = .reopening(client, stream.settings)
                return action
            }
            if let claimed = stream.claimedFrom, claimed != jid { return failed(.invalidAuthzid, on: stream) }
            state = .finishing(Finishing(stream: stream, request: request, client: client))
            return action
        case .fail(let failure):
            return failed(failure, on: stream)
        default:
            state = .authenticating(signIn)
            return action
        }
    }

    /// A sign-in failed; there may be another attempt.
    private mutating func failed(_ failure: SASLFailure, on stream: Open) -> SASLAction {
        var stream = stream
        stream.tries.count(failure)
        state = stream.mayTryAgain ? .open(stream) : .over
        return .fail(failure)
    }

    // MARK: Behind the exchange

    /// The request of a sign-in by XEP-0388 whose exchange has succeeded.
    var request: AuthenticationRequest? {
        switch state {
        case .finishing(let finishing), .upgrading(let finishing, _): finishing.request
        default: nil
        }
    }

    /// The redirect of the signed-in account.
    var redirectAfterSignIn: String? {
        guard case .finishing(let finishing) = state else { return nil }
        return Self.redirect(finishing.stream.settings.value, .authenticated, finishing.client.jid)
    }

    /// The signed-in account was read.
    mutating func accountFound(_ account: any StreamAccount) {
        switch state {
        case .finishing(var finishing):
            finishing.client.account = account
            state = .finishing(finishing)
        case .binding(var client):
            client.account = account
            state = .binding(client)
        default:
            break
        }
    }

    /// The account lacks keys that the client can provide.
    ///
    /// - Parameters:
    ///   - hashes: those of the keys.
    ///   - data: the mechanism's additional data.
    /// - Returns: nil if there is nothing to ask for.
    public mutating func upgradeWanted(_ hashes: [SCRAMHash], iterations: Int, data: [UInt8]?) -> SASLAction? {
        guard case .finishing(let finishing) = state, let upgrade = SASLUpgrade(hashes, iterations: iterations) else {
            return nil
        }
        state = .upgrading(finishing, upgrade)
        return upgrade.ask(data: data)
    }

    private mutating func upgrading(
        _ element: Element, _ finishing: Finishing, _ upgrade: SASLUpgrade
    ) -> ElementAction {
        guard element.isIn(.sasl2) else { return close(.notAuthorized) }
        var upgrade = upgrade
        let action: SASLAction
        if element.hasName("next") {
            action = upgrade.chosen(element["task"] ?? "")
        } else if element.hasName("task-data") {
            action = upgrade.received(element.child("hash", .scramUpgrade).flatMap { Base64.decode($0.text) })
        } else if element.hasName("abort") {
            action = .fail(.aborted)
        } else {
            return close(.notAuthorized)
        }
        if case .fail(let failure) = action { return .signIn(failed(failure, on: finishing.stream)) }
        state = .upgrading(finishing, upgrade)
        return .signIn(action)
    }

    /// A key is stored, or could not be.
    ///
    /// - Returns: nil if that was the last, and the sign-in can finish.
    public mutating func taskEnded(_ result: Result<Void, SASLFailure>) -> SASLAction? {
        guard case .upgrading(let finishing, var upgrade) = state else { return .ignore }
        if case .failure(let failure) = result { return failed(failure, on: finishing.stream) }
        guard let next = upgrade.kept() else {
            state = .finishing(finishing)
            return nil
        }
        state = .upgrading(finishing, upgrade)
        return next
    }

    // MARK: Outcomes

    /// The requests within a sign-in by XEP-0388 are processed, and its success can be sent.
    public mutating func signInFinished(isBound: Bool) {
        guard case .finishing(let finishing) = state else { return }
        state = isBound ? .bound : .signedIn(finishing.client)
    }

    /// The stream has got a session without binding a resource.
    public mutating func sessionResumed() {
        if case .signedIn = state { state = .bound }
    }

    /// Something that a client signed in by XEP-0388 needs is unavailable.
    public mutating func signInFailed() -> SASLAction {
        guard case .finishing(let finishing) = state else { return .ignore }
        return failed(.temporaryAuthFailure, on: finishing.stream)
    }

    public mutating func tlsEstablished(_ binding: ChannelBinding = ChannelBinding()) {
        switch state {
        case .securing(var unopened), .unopened(var unopened):
            unopened.layer = .secured
            unopened.binding = binding
            state = .unopened(unopened)
        default: state = .over
        }
    }

    public mutating func resourceBound() {
        if case .binding = state { state = .bound }
    }

    public mutating func bindRefused() {
        if case .binding(let client) = state { state = .signedIn(client) }
    }

    private mutating func close(_ error: StreamError) -> ElementAction {
        state = .over
        return .close(error)
    }
}
