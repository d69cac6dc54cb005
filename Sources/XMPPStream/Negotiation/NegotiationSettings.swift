import XML
import XMPP

/// A host's settings for negotiations.
public struct NegotiationSettings: Sendable {
    /// A redirect of a host's clients, RFC 6120 §4.9.3.19.
    public struct Redirect: Sendable, Equatable {
        /// The stage of a redirect, which replaces the stream features of that stage.
        public enum Stage: String, Sendable, CaseIterable {
            case beforeTLS = "before-tls"
            case beforeSASL = "before-sasl"
            case afterSASL = "after-sasl"
        }

        public var stage: Stage
        /// `host` or `host:port`, as it is sent.
        public var target: String
        /// The redirected accounts; nil: all. Known only after sign-in.
        public var accounts: Set<JID>?

        public init(stage: Stage, target: String, accounts: Set<JID>? = nil) {
            self.stage = stage
            self.target = target
            self.accounts = accounts
        }
    }

    /// The error for a stanza over the size limit.
    public enum OversizedStanza: String, Sendable, CaseIterable {
        case notWellFormed = "not-well-formed"
        case policyViolation = "policy-violation"
    }

    public var domain: String
    public var language: String
    /// In order of preference.
    public var mechanisms: [SASLMechanism]
    /// The address of the OAuth server's metadata, RFC 8414; nil: there is none.
    public var authorizationServer: String?
    /// Whether sign-in by XEP-0388 is offered in addition to that of RFC 6120.
    public var offersSASL2: Bool
    /// Whether installations can get tokens and sign in with them, XEP-0484.
    public var offersFAST: Bool
    /// The written features.
    private(set) var features = FeatureCache()
    public var requiresTLS: Bool
    public var offersTLS: Bool
    /// Failed sign-ins until the connection ends. With 1 it ends directly after the failure, without a stream error.
    public var attempts: Int
    public var redirect: Redirect?
    /// Whether the answer to resource binding has the domain as its sender.
    public var repliesFromDomain: Bool
    /// Text before the parser's reason in a `not-well-formed` error.
    public var malformedTextPrefix: String
    public var oversizedStanza: OversizedStanza
    /// The connection's settings after sign-in.
    public var connection = ConnectionSettings()

    /// The same settings with other mechanisms or another OAuth server, and without written features.
    public func with(_ mechanisms: [SASLMechanism], _ authorizationServer: String?) -> NegotiationSettings {
        var settings = self
        settings.mechanisms = mechanisms
        settings.authorizationServer = authorizationServer
        settings.features = FeatureCache()
        return settings
    }

    public init(domain: String, mechanisms: [SASLMechanism]) {
        self.domain = domain
        language = "en"
        self.mechanisms = mechanisms
        offersSASL2 = false
        offersFAST = false
        requiresTLS = true
        offersTLS = true
        attempts = 3
        redirect = nil
        repliesFromDomain = false
        malformedTextPrefix = ""
        oversizedStanza = .policyViolation
    }
}
