import NIOCore
import XML
import XMPPStream

/// The delegate of one listener's streams.
final class ClientStreamDelegate: StreamDelegate {
    private let certificates: Certificates
    private let hosts: [String: ClientStreamHost]
    /// The limits for the largest stanza of any host.
    let largestLimits: XMLLimits

    let fallbackDomain: String
    let unauthenticatedLimits: XMLLimits
    let signInTime: Duration
    let redirectTime: Duration

    /// - Parameters:
    ///   - hosts: the served hosts.
    ///   - redirect: where clients are redirected; nil: they are served here.
    ///   - offersTLS: whether STARTTLS is offered.
    init(
        _ hosts: [Host], authenticator: Authenticator, certificates: Certificates, redirect: RedirectConfiguration?,
        offersTLS: Bool
    ) {
        self.certificates = certificates
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
        largestLimits = settings.map(\.connection.limits).reduce(unauthenticatedLimits) { one, other in
            XMLLimits(
                stanzaBytes: max(one.stanzaBytes, other.stanzaBytes), depth: max(one.depth, other.depth),
                attributes: max(one.attributes, other.attributes), namespaces: max(one.namespaces, other.namespaces))
        }
        let streamHosts = zip(hosts, settings).map { host, settings in
            (host.domain, ClientStreamHost(host, settings, authenticator: authenticator))
        }
        self.hosts = Dictionary(uniqueKeysWithValues: streamHosts)
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
        settings.connection.limits = XMLLimits(
            stanzaBytes: configuration.limits.stanzaSize,
            depth: configuration.limits.depth,
            attributes: configuration.limits.attributes,
            namespaces: configuration.limits.namespaces
        )
        settings.connection.idleTime = configuration.limits.idleTime
        settings.connection.outgoingQueue = configuration.limits.outgoingQueueSize
        let rate = configuration.limits.rate
        if rate.stanzasPerSecond > 0 {
            settings.connection.stanzas = .init(perSecond: rate.stanzasPerSecond, burst: rate.stanzaBurst)
        }
        if rate.bytesPerSecond > 0 {
            settings.connection.bytes = .init(perSecond: rate.bytesPerSecond, burst: rate.byteBurst)
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

    func host(for domain: String) -> (any StreamHost)? { hosts[domain] }

    var tls: (any TLSProvider)? { certificates.streams }
}
