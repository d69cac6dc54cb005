import XML
import XMPP

/// What the negotiation must know of the host that a stream is for.
public struct NegotiationSettings: Sendable {
    /// Where a host sends its clients on, RFC 6120 §4.9.3.19.
    public struct Redirect: Sendable, Equatable {
        /// The moment of the redirect; each stands in place of the stream features of that moment.
        public enum Stage: String, Sendable, CaseIterable {
            case beforeTLS = "before-tls"
            case beforeSASL = "before-sasl"
            case afterSASL = "after-sasl"
        }

        public var stage: Stage
        /// `host` or `host:port`, as it is sent.
        public var target: String
        /// Whom it concerns; `nil` means everybody. Known only after sign-in.
        public var accounts: Set<JID>?

        public init(stage: Stage, target: String, accounts: Set<JID>? = nil) {
            self.stage = stage
            self.target = target
            self.accounts = accounts
        }
    }

    /// What becomes of a stanza over the size limit.
    public enum OversizedStanza: String, Sendable, CaseIterable {
        case notWellFormed = "not-well-formed"
        case policyViolation = "policy-violation"
    }

    public var domain: String
    public var language: String
    /// In the order of preference.
    public var mechanisms: [SASLMechanism]
    /// The address of the metadata of the server that gives out access tokens, RFC 8414; nil: there is none.
    public var authorizationServer: String?
    /// Whether sign-in by XEP-0388 is offered beside that of RFC 6120.
    public var offersSASL2: Bool
    /// Whether an installation can get a token and sign in with it, XEP-0484.
    public var offersFAST: Bool
    /// The features as they were written once.
    private(set) var features = FeatureCache()
    public var requiresTLS: Bool
    public var offersTLS: Bool
    /// Failed sign-ins until the connection ends. With 1 it ends right behind the failure, without a stream error.
    public var attempts: Int
    public var redirect: Redirect?
    /// Whether the answer to the binding of a resource names the domain as its sender.
    public var repliesFromDomain: Bool
    /// Stands before the parser's reason in the text of a `not-well-formed` error.
    public var malformedTextPrefix: String
    public var oversizedStanza: OversizedStanza
    /// What holds for the connection once the client has signed in.
    public var connection = ConnectionSettings()

    /// The same with other mechanisms, or tokens from elsewhere; its features have to be written anew.
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
