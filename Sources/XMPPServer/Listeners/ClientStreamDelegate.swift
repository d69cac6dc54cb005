import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// What the streams of one listener ask of the server.
final class ClientStreamDelegate: StreamDelegate {
    private let server: Server
    /// All streams of a host share its settings.
    private let settingsByDomain: Mutex<[String: Shared<NegotiationSettings>]>
    /// Those of the largest stanza that anybody may send.
    let largestLimits: XMLLimits

    let fallbackDomain: String
    let unauthenticatedLimits: XMLLimits
    let signInTime: Duration
    let redirectTime: Duration

    /// - Parameters:
    ///   - domains: those that are served; `nil`: all.
    ///   - offersTLS: whether a client may ask for it on the stream.
    init(server: Server, domains: [String]?, redirect: RedirectConfiguration?, offersTLS: Bool) {
        self.server = server
        let hosts = server.hosts.all.filter { domains?.contains($0.domain) ?? true }
        fallbackDomain = hosts.first?.domain ?? ""
        let limits = hosts.map(\.configuration.limits)
        unauthenticatedLimits = XMLLimits(
            stanzaBytes: limits.map(\.unauthenticatedStanzaSize).max() ?? 10_240,
            depth: 8,
            attributes: 32,
            namespaces: 32
        )
        signInTime = limits.map(\.signInTime).max() ?? .seconds(30)
        redirectTime = redirect?.wait ?? .seconds(5)
        let settings = hosts.map { Self.settings(of: $0, redirect, offersTLS: offersTLS) }
        largestLimits = settings.map(\.limits).reduce(unauthenticatedLimits) { one, other in
            XMLLimits(
                stanzaBytes: max(one.stanzaBytes, other.stanzaBytes), depth: max(one.depth, other.depth),
                attributes: max(one.attributes, other.attributes), namespaces: max(one.namespaces, other.namespaces))
        }
        settingsByDomain = Mutex(Dictionary(uniqueKeysWithValues: settings.map { ($0.domain, Shared($0)) }))
    }

    private static func settings(
        of host: Host, _ redirect: RedirectConfiguration?, offersTLS: Bool
    ) -> NegotiationSettings {
        let configuration = host.configuration
        var settings = NegotiationSettings(domain: host.domain, mechanisms: host.mechanisms)
        settings.offersSASL2 = configuration.authentication.offersSASL2
        settings.offersFAST = settings.offersSASL2 && configuration.authentication.offersFAST
        settings.requiresTLS = configuration.authentication.requiresTLS
        settings.offersTLS = offersTLS
        settings.attempts = configuration.authentication.attempts
        settings.repliesFromDomain = configuration.streams.usesLegacyFrom
        settings.malformedTextPrefix = configuration.streams.malformedTextPrefix
        settings.oversizedStanza = configuration.streams.oversizedError
        settings.limits = XMLLimits(
            stanzaBytes: configuration.limits.stanzaSize,
            depth: configuration.limits.depth,
            attributes: configuration.limits.attributes,
            namespaces: configuration.limits.namespaces
        )
        settings.idleTime = configuration.limits.idleTime
        settings.outgoingQueue = configuration.limits.outgoingQueueSize
        let rate = configuration.limits.rate
        if rate.stanzasPerSecond > 0 {
            settings.stanzas = .init(perSecond: rate.stanzasPerSecond, burst: rate.stanzaBurst)
        }
        if rate.bytesPerSecond > 0 {
            settings.bytes = .init(perSecond: rate.bytesPerSecond, burst: rate.byteBurst)
        }
        if let redirect, redirect.hosts?.contains(host.domain) ?? true {
            settings.redirect = NegotiationSettings.Redirect(
                stage: redirect.stage,
                target: redirect.target.description,
                accounts: redirect.accounts
            )
        }
        return settings
    }

    func settings(for domain: String) -> Shared<NegotiationSettings>? {
        guard let host = server.hosts[domain] else { return nil }
        let authorizationServer = host.authorizationServer
        let mechanisms = host.mechanisms
        return settingsByDomain.withLock { settingsByDomain in
            guard let known = settingsByDomain[domain] else { return nil }
            if known.value.authorizationServer == authorizationServer, known.value.mechanisms == mechanisms {
                return known
            }
            // They have become known since, or changed.
            let changed = Shared(known.value.with(mechanisms, authorizationServer))
            settingsByDomain[domain] = changed
            return changed
        }
    }

    // MARK: TLS

    var exporter: TLSExporter { server.exporter }

    func makeTLSHandler() throws -> any ChannelHandler {
        guard let tls = server.tls else { throw ServerError("no host has a certificate") }
        return tls.makeHandler()
    }

    func serverEndPoint(for name: ServerName) -> [UInt8]? { server.tls?.serverEndPoint(for: name) }

    // MARK: Features and elements of modules

    func writeFeatures(of domain: String, layer: StreamStateMachine.Layer, to writer: inout XMLWriter) {
        server.hosts[domain]?.writeFeatures(layer, to: &writer)
    }

    func writeInlineFeatures(of domain: String, to writer: inout XMLWriter) {
        server.hosts[domain]?.writeInlineFeatures(to: &writer)
    }

    func received(
        _ element: Element, domain: String, layer: StreamStateMachine.Layer, on stream: StreamHandler
    ) -> Bool {
        server.hosts[domain]?.received(element, layer, on: stream) ?? false
    }

    // MARK: Sign-in

    func credential(
        user: String, hash: SCRAMHash, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>> {
        guard let host = server.hosts[domain] else { return .now(.failure(.temporaryAuthFailure)) }
        return server.authenticator.credential(user: user, hash: hash, host: host, from: IPAddress(address))
    }

    func test(user: String, domain: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool {
        guard let host = server.hosts[domain] else { return false }
        return server.authenticator.test(user: user, host: host, from: IPAddress(address), test)
    }

    func verify(
        user: String, password: String, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>> {
        guard let host = server.hosts[domain] else { return .now(.failure(.temporaryAuthFailure)) }
        return server.authenticator.verify(user: user, password: password, host: host, from: IPAddress(address))
    }

    func verify(
        token: String, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedToken, SASLFailure>> {
        guard let host = server.hosts[domain] else { return .now(.failure(.temporaryAuthFailure)) }
        return server.authenticator.verify(token: token, host: host, from: IPAddress(address))
    }

    func verify(
        _ proof: TokenProof, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>> {
        guard let host = server.hosts[domain] else { return .now(.failure(.temporaryAuthFailure)) }
        return server.authenticator.verify(proof, host: host, from: IPAddress(address))
    }

    func missingKeys(of account: FoundAccount, among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int) {
        guard let opened = account as? OpenedAccount, let host = server.hosts[opened.record.jid.domain] else {
            return ([], 0)
        }
        let settings = host.configuration.authentication
        let known = opened.record.credentials.map(\.hash)
        let missing = hashes.filter { hash in
            !known.contains(hash) && settings.mechanisms.contains { $0.scramHash == hash }
        }
        return (missing, settings.scramIterations)
    }

    func keep(_ credential: SCRAMCredential, for account: FoundAccount) -> Eventual<Result<Void, SASLFailure>> {
        guard let opened = account as? OpenedAccount, let host = server.hosts[opened.record.jid.domain] else {
            return .now(.failure(.temporaryAuthFailure))
        }
        return .later { await host.add(credential, to: opened) }
    }

    func signInRefused(domain: String, from address: SocketAddress?, _ failure: SASLFailure) {
        server.signIns.refused(failure, domain: domain, from: IPAddress(address))
    }

    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?) {
        server.signIns.succeeded(account, mechanism: mechanism, from: IPAddress(address))
    }

    // MARK: Bind

    func open(_ account: JID, domain: String) -> Eventual<Result<FoundAccount, StanzaError>> {
        guard let host = server.hosts[domain] else { return .now(.failure(.internalServerError)) }
        if let record = host.accounts.cached(account) { return .now(.success(OpenedAccount(record))) }
        return .later {
            switch await host.find(account) {
            case .success(let record?): .success(OpenedAccount(record))
            case .success(nil): .failure(StanzaError(.notAuthorized))
            case .failure(let error): .failure(error)
            }
        }
    }

    func bind(
        _ account: FoundAccount, resource: String?, on stream: StreamHandler
    ) -> Result<any StreamSession, StanzaError> {
        guard let account = account as? OpenedAccount, let host = server.hosts[account.record.jid.domain] else {
            return .failure(.internalServerError)
        }
        return host.bind(account, resource: resource, on: stream).map { $0 }
    }

    func negotiate(
        _ request: AuthenticationRequest, _ account: FoundAccount, on stream: StreamHandler,
        then: @escaping (InlineOutcome) -> Void
    ) {
        guard let account = account as? OpenedAccount, let host = server.hosts[account.record.jid.domain] else {
            return then(InlineOutcome())
        }
        InlineNegotiation(host: host, account: account, request: request, stream: stream, then: then).start()
    }
}
