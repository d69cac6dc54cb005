import XML
import XMPP

/// Decides what a client's stream does next, RFC 6120 §4–§7: header, STARTTLS, SASL, resource binding, close.
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
/// **Representation.** One enum; a state that carries data carries only what exists in it. Events are the methods, each
/// returns its own action; nothing here has an effect. `ClientNegotiation` performs the actions and reports what came of
/// them. The exchange of SASL messages is a machine of its own, `SASLExchange`, which exists from the first `<auth/>`
/// of a stream until sign-in succeeds.
///
/// By XEP-0388 sign-in goes on behind the exchange: what the client asked for with it is done, most often a resource is
/// bound, and the answer to all of it is the success. The stream is not opened anew; features follow at once.
///
/// **Odd cases.** Direct TLS is a connection whose first opening is already on the secured layer. Where a host does not
/// require TLS (tests, a proxy that has ended TLS), the clear layer offers sign-in as well.
public struct StreamStateMachine: ~Copyable {
    /// How far a connection has come.
    public enum Layer: Sendable, Equatable {
        case plain
        case secured
        case authenticated
    }

    private enum State {
        case awaitingHeader(Layer)
        case negotiating(Layer)
        case securing
        case authenticating(Layer)
        /// By XEP-0388: the exchange has succeeded, what else was asked for is being done.
        case finishing(Layer)
        /// By XEP-0480: the client gives keys that the account does not have yet.
        indirect case upgrading(Layer, SASLUpgrade)
        case binding
        case bound
        /// The stream is to be closed, by whatever the last action was.
        case over
    }

    private var state: State
    private var exchange: SASLExchange?
    private var sharedSettings: Shared<NegotiationSettings>?
    private var settings: NegotiationSettings? { sharedSettings?.value }
    private var account: JID?
    /// Whom the stream's header claims to be from; a bare JID.
    private var claimedFrom: JID?
    /// What the client asked for with the sign-in under way; nil: it is one by RFC 6120.
    public private(set) var request: AuthenticationRequest?
    /// Names the features that the client was sent (XEP-0509); nil: they say nothing of it.
    public var featuresVersion: String?
    /// Sign-ins that were refused after somebody's secret was tested.
    private var failures = 0
    private var exchanges = 0

    /// Bounds what may fail for other reasons: clients work their way through mechanisms and channel bindings that they
    /// cannot use, and have tried no secret yet when they come to one that they can.
    private static let maximumExchanges = 10

    /// - Parameter layer: `.secured` for a connection that began with TLS.
    public init(layer: Layer = .plain) {
        state = .awaitingHeader(layer)
    }

    public var isBound: Bool {
        switch state {
        case .bound: true
        default: false
        }
    }

    /// Whether a stream header has been answered since the last restart, so that errors need no header of their own.
    public var hasOpenStream: Bool {
        switch state {
        case .awaitingHeader, .securing: false
        default: true
        }
    }

    public var isClosing: Bool {
        switch state {
        case .over: true
        default: false
        }
    }

    // MARK: Header

    public enum HeaderAction: Sendable {
        case openStream(features: Layer)
        case openStreamThenRedirect(String)
        case openStreamThenClose(StreamError)
        case ignore
    }

    /// - Parameter settings: those of the host that the header names; `nil` if it is not served here.
    public mutating func headerReceived(
        _ header: StreamHeader, settings sharedSettings: Shared<NegotiationSettings>?
    ) -> HeaderAction {
        switch state {
        case .awaitingHeader(let layer):
            guard header.isSupported else { return closeHeader(.unsupportedVersion) }
            guard let settings = sharedSettings?.value else { return closeHeader(.hostUnknown) }
            if let known = self.settings, known.domain != settings.domain { return closeHeader(.hostUnknown) }
            self.sharedSettings = sharedSettings
            claimedFrom = header.from.flatMap { JID($0)?.bare }
            if let from = claimedFrom, settings.offersSASL2, from.domain != settings.domain {
                return closeHeader(.invalidFrom)
            }
            if let redirect = settings.redirect, concerns(redirect, layer) {
                state = .over
                return .openStreamThenRedirect(redirect.target)
            }
            state = .negotiating(layer)
            return .openStream(features: layer)
        case .over:
            return .ignore
        default:
            return closeHeader(.badFormat)
        }
    }

    private mutating func closeHeader(_ error: StreamError) -> HeaderAction {
        state = .over
        return .openStreamThenClose(error)
    }

    private func concerns(_ redirect: NegotiationSettings.Redirect, _ layer: Layer) -> Bool {
        switch (redirect.stage, layer) {
        case (.beforeTLS, .plain), (.beforeSASL, .secured):
            return true
        case (.afterSASL, .authenticated):
            guard let accounts = redirect.accounts else { return true }
            return account.map(accounts.contains) ?? false
        default:
            return false
        }
    }

    // MARK: Elements

    public enum ElementAction: Sendable {
        case startTLS
        case refuseTLS
        case signIn(SASLAction)
        case bind(id: String, resource: String?)
        /// Anything else; a module may know it, otherwise the stream ends with the error.
        case offerToModules(Element, Layer, otherwise: StreamError)
        case refuseBind(id: String, StanzaError)
        /// The sign-in is for features that are not those of this stream; XEP-0509 §2.2.
        case refuseOutdated
        case close(StreamError)
        case ignore
    }

    public mutating func elementReceived(_ element: Element, binding: ChannelBinding) -> ElementAction {
        switch state {
        case .bound:
            return .offerToModules(element, .authenticated, otherwise: .unsupportedStanzaType)
        case .negotiating(let layer):
            return received(element, layer: layer, binding: binding)
        case .authenticating(let layer):
            return signingIn(element, layer: layer)
        case .upgrading(let layer, let upgrade):
            return upgrading(element, layer: layer, upgrade)
        case .binding:
            return close(.policyViolation)
        case .awaitingHeader, .securing:
            return close(.badFormat)
        case .finishing:
            return close(.notAuthorized)
        case .over:
            return .ignore
        }
    }

    private mutating func received(_ element: Element, layer: Layer, binding: ChannelBinding) -> ElementAction {
        guard let settings else { return close(.internalServerError) }
        switch layer {
        case .plain where element.isNamed("starttls", .tls):
            guard settings.offersTLS else {
                state = .over
                return .refuseTLS
            }
            state = .securing
            return .startTLS
        case .plain where settings.requiresTLS:
            if element.isNamed("auth", .sasl) {
                return refuseSignIn(.encryptionRequired, settings)
            }
            return close(.notAuthorized)
        case .plain, .secured:
            if element.isIn(.sasl) || element.isIn(.sasl2) && settings.offersSASL2 {
                if exchange == nil {
                    exchange = SASLExchange(
                        offered: settings.mechanisms, binding: binding, host: settings.domain,
                        offersFAST: settings.offersFAST, authorizationServer: settings.authorizationServer)
                }
                return signingIn(element, layer: layer)
            }
            if element.isIn(.tls) {
                state = .over
                return .refuseTLS
            }
            return .offerToModules(element, layer, otherwise: .notAuthorized)
        case .authenticated:
            return receivedBeforeBind(element)
        }
    }

    private mutating func receivedBeforeBind(_ element: Element) -> ElementAction {
        guard element.isNamed("iq", .client), element.attribute("type", equals: "set"),
            let request = element.child("bind", .bind)
        else { return .offerToModules(element, .authenticated, otherwise: .notAuthorized) }
        guard let id = element["id"] else { return .refuseBind(id: "", .badRequest) }
        state = .binding
        let resource = request.child("resource", .bind)?.text
        return .bind(id: id, resource: resource?.isEmpty == true ? nil : resource)
    }

    // MARK: Sign-in

    private mutating func signingIn(_ element: Element, layer: Layer) -> ElementAction {
        let action: SASLAction?
        if element.isNamed("authenticate", .sasl2) {
            let request = AuthenticationRequest(element)
            if let expected = request.expectedFeatures, expected != featuresVersion {
                exchanges += 1
                if !mayTryAgain { state = .over }
                return .refuseOutdated
            }
            self.request = request
            action = exchange?.started(
                mechanism: request.mechanism, initialResponse: request.initialResponse, request: request)
        } else if element.isNamed("auth", .sasl) {
            request = nil
            let text = element.text
            action = exchange?.started(
                mechanism: element["mechanism"] ?? "", initialResponse: text.isEmpty ? nil : text)
        } else if !element.isIn(request == nil ? .sasl : .sasl2) {
            return close(.notAuthorized)
        } else if element.hasName("response") {
            action = exchange?.responded(element.text)
        } else if element.hasName("abort") {
            action = exchange?.aborted()
        } else {
            action = nil
        }
        guard let action else { return close(.unsupportedStanzaType) }
        return .signIn(settle(action, layer))
    }

    /// The server's answer to a look-up that an action asked for.
    public enum SignInAnswer: Sendable {
        case credential(SCRAMCredential)
        case mayTest
        /// The local part of the account, and what the client is told.
        case verified(String, data: [UInt8]? = nil)
        case refused(SASLFailure)
    }

    /// `nil` if the stream has ended meanwhile.
    public mutating func lookUpAnswered(_ answer: SignInAnswer) -> SASLAction? {
        guard case .authenticating(let layer) = state else { return nil }
        let action =
            switch answer {
            case .credential(let credential): exchange?.credentialFound(credential)
            case .mayTest: exchange?.mayTest()
            case .verified(let account, let data): exchange?.verified(account: account, data: data)
            case .refused(let failure): exchange?.refused(failure)
            }
        return action.map { settle($0, layer) }
    }

    private mutating func settle(_ action: SASLAction, _ layer: Layer) -> SASLAction {
        switch action {
        case .succeed(let user, _, _):
            let account = settings.flatMap { JID(local: user, domain: $0.domain, resource: nil) }
            exchange = nil
            if request != nil, let claimedFrom, claimedFrom != account { return settle(.fail(.invalidAuthzid), layer) }
            self.account = account
            state = request == nil ? .awaitingHeader(.authenticated) : .finishing(layer)
        case .fail(let failure):
            count(failure)
            state = mayTryAgain ? .negotiating(layer) : .over
        default:
            state = .authenticating(layer)
        }
        return action
    }

    private mutating func refuseSignIn(_ failure: SASLFailure, _ settings: NegotiationSettings) -> ElementAction {
        count(failure)
        state = mayTryAgain ? .negotiating(.plain) : .over
        return .signIn(.fail(failure))
    }

    private mutating func count(_ failure: SASLFailure) {
        exchanges += 1
        switch failure {
        case .notAuthorized, .accountDisabled, .credentialsExpired, .invalidAuthzid: failures += 1
        default: break
        }
    }

    /// Whether a failure leaves the stream open for another try.
    public var mayTryAgain: Bool { failures < (settings?.attempts ?? 1) && exchanges < Self.maximumExchanges }

    /// The account that has signed in, until it has a session: that knows it.
    public var signedIn: JID? { account }

    private mutating func becomeBound() {
        state = .bound
        account = nil
    }

    /// The account lacks keys that the client can give.
    ///
    /// - Parameters:
    ///   - hashes: those of the keys.
    ///   - data: the mechanism's last word.
    /// - Returns: nil if there is nothing to ask for.
    public mutating func upgradeWanted(_ hashes: [SCRAMHash], iterations: Int, data: [UInt8]?) -> SASLAction? {
        guard case .finishing(let layer) = state, let upgrade = SASLUpgrade(hashes, iterations: iterations) else {
            return nil
        }
        state = .upgrading(layer, upgrade)
        return upgrade.ask(data: data)
    }

    private mutating func upgrading(_ element: Element, layer: Layer, _ upgrade: SASLUpgrade) -> ElementAction {
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
        state = .upgrading(layer, upgrade)
        return .signIn(settleUpgrade(action, layer))
    }

    private mutating func settleUpgrade(_ action: SASLAction, _ layer: Layer) -> SASLAction {
        guard case .fail = action else { return action }
        account = nil
        return settle(action, layer)
    }

    /// A key is stored, or could not be.
    ///
    /// - Returns: nil if that was the last, and the sign-in can be finished.
    public mutating func taskEnded(_ result: Result<Void, SASLFailure>) -> SASLAction? {
        guard case .upgrading(let layer, var upgrade) = state else { return .ignore }
        if case .failure(let failure) = result { return settleUpgrade(.fail(failure), layer) }
        guard let next = upgrade.kept() else {
            state = .finishing(layer)
            return nil
        }
        state = .upgrading(layer, upgrade)
        return next
    }

    /// Where the account that has signed in is sent before anything else is done for it.
    public var redirectAfterSignIn: String? {
        guard let redirect = settings?.redirect, concerns(redirect, .authenticated) else { return nil }
        return redirect.target
    }

    // MARK: Outcomes

    /// What was asked for with a sign-in by XEP-0388 is done, and its success can be told.
    public mutating func signInFinished(isBound: Bool) {
        guard case .finishing = state else { return }
        request = nil
        if isBound { becomeBound() } else { state = .negotiating(.authenticated) }
    }

    /// A session has come to the stream in another way than by binding a resource.
    public mutating func sessionResumed() {
        if case .negotiating(.authenticated) = state { becomeBound() }
    }

    /// What a client needs that has signed in by XEP-0388 cannot be had.
    public mutating func signInFailed() -> SASLAction {
        guard case .finishing(let layer) = state else { return .ignore }
        account = nil
        return settle(.fail(.temporaryAuthFailure), layer)
    }

    public mutating func tlsEstablished() {
        // It was made for a channel that could not be bound to.
        exchange = nil
        switch state {
        case .securing, .awaitingHeader: state = .awaitingHeader(.secured)
        default: state = .over
        }
    }

    public mutating func resourceBound() {
        if case .binding = state { becomeBound() }
    }

    public mutating func bindRefused() {
        if case .binding = state { state = .negotiating(.authenticated) }
    }

    private mutating func close(_ error: StreamError) -> ElementAction {
        state = .over
        return .close(error)
    }
}
