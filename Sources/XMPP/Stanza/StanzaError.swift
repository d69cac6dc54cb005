public import XML

/// A stanza error (RFC 6120, section 8.3). IQ handlers and hooks return it; the server writes the reply.
public struct StanzaError: Error, Equatable, Sendable {
    /// A condition that another specification defines (RFC 6120, section 8.3.4).
    public struct Detail: Equatable, Sendable {
        /// An attribute of the element, or a child that holds a text.
        public struct Part: Equatable, Sendable {
            public let name: StaticString
            public let text: String

            public init(_ name: StaticString, _ text: String) {
                self.name = name
                self.text = text
            }

            public static func == (one: Part, other: Part) -> Bool {
                one.text == other.text && "\(one.name)" == "\(other.name)"
            }
        }

        /// The name of the element.
        public let name: StaticString
        public let namespace: Namespace
        public let attributes: [Part]
        /// Its children, in the same namespace.
        public let children: [Part]

        /// - Parameter feature: what its attribute `feature` says; nil: it has none.
        public init(_ name: StaticString, _ namespace: Namespace, feature: String?) {
            self.init(name, namespace, attributes: feature.map { [Part("feature", $0)] } ?? [])
        }

        public init(
            _ name: StaticString, _ namespace: Namespace, attributes: [Part] = [], children: [Part] = []
        ) {
            self.name = name
            self.namespace = namespace
            self.attributes = attributes
            self.children = children
        }

        public static func == (one: Detail, other: Detail) -> Bool {
            one.namespace == other.namespace && "\(one.name)" == "\(other.name)"
                && one.attributes == other.attributes && one.children == other.children
        }
    }

    /// The sender's options.
    public enum Kind: String, Sendable, CaseIterable {
        /// Try again with credentials.
        case auth
        /// Do not try again.
        case cancel
        /// A warning only.
        case `continue`
        /// Try again with other data.
        case modify
        /// Try again later.
        case wait
    }

    public var type: Kind
    public var condition: Condition
    /// An explanation for people, in English. It is sent to the sender: no secrets, no addresses of others.
    public var text: String?
    /// The condition of another specification.
    public var detail: Detail?
    /// What stands beside the error in the stanza that tells it, such as what the refused stanza was for.
    public var companion: Detail?

    /// - Parameter type: nil: the RFC's type for the condition.
    public init(_ condition: Condition, type: Kind? = nil, text: String? = nil, detail: Detail? = nil) {
        self.condition = condition
        self.type = type ?? condition.defaultType
        self.text = text
        self.detail = detail
    }
}

extension StanzaError {
    /// The defined conditions (RFC 6120, section 8.3.3); the raw value is the element's name.
    public enum Condition: String, Sendable, CaseIterable {
        /// The stanza is malformed.
        case badRequest = "bad-request"
        /// It exists already.
        case conflict
        /// The server or the addressee does not know the feature.
        case featureNotImplemented = "feature-not-implemented"
        /// The sender is not allowed to.
        case forbidden
        /// The addressee has moved or been removed.
        case gone
        /// The server failed; the reason is not told.
        case internalServerError = "internal-server-error"
        /// The address or item does not exist.
        case itemNotFound = "item-not-found"
        /// An address is not one.
        case jidMalformed = "jid-malformed"
        /// It breaks a rule that the addressee has set.
        case notAcceptable = "not-acceptable"
        /// Nobody is allowed to.
        case notAllowed = "not-allowed"
        /// The sender has to sign in first.
        case notAuthorized = "not-authorized"
        /// It breaks a rule of the service.
        case policyViolation = "policy-violation"
        /// The addressee is away.
        case recipientUnavailable = "recipient-unavailable"
        /// Another address answers at the moment.
        case redirect
        /// The sender has to register first.
        case registrationRequired = "registration-required"
        /// There is no server for the address.
        case remoteServerNotFound = "remote-server-not-found"
        /// The server for the address does not answer.
        case remoteServerTimeout = "remote-server-timeout"
        /// The server has too much to do.
        case resourceConstraint = "resource-constraint"
        /// The service does not exist there, or nothing else may be told.
        case serviceUnavailable = "service-unavailable"
        /// The sender needs a subscription.
        case subscriptionRequired = "subscription-required"
        /// None of the others.
        case undefinedCondition = "undefined-condition"
        /// Not at this point, or not in this order.
        case unexpectedRequest = "unexpected-request"

        /// The name of the element.
        public var name: StaticString {
            switch self {
            case .badRequest: "bad-request"
            case .conflict: "conflict"
            case .featureNotImplemented: "feature-not-implemented"
            case .forbidden: "forbidden"
            case .gone: "gone"
            case .internalServerError: "internal-server-error"
            case .itemNotFound: "item-not-found"
            case .jidMalformed: "jid-malformed"
            case .notAcceptable: "not-acceptable"
            case .notAllowed: "not-allowed"
            case .notAuthorized: "not-authorized"
            case .policyViolation: "policy-violation"
            case .recipientUnavailable: "recipient-unavailable"
            case .redirect: "redirect"
            case .registrationRequired: "registration-required"
            case .remoteServerNotFound: "remote-server-not-found"
            case .remoteServerTimeout: "remote-server-timeout"
            case .resourceConstraint: "resource-constraint"
            case .serviceUnavailable: "service-unavailable"
            case .subscriptionRequired: "subscription-required"
            case .undefinedCondition: "undefined-condition"
            case .unexpectedRequest: "unexpected-request"
            }
        }

        /// The RFC's type for the condition; the first one if there is a choice.
        public var defaultType: Kind {
            switch self {
            case .forbidden, .notAuthorized, .registrationRequired, .subscriptionRequired: .auth
            case .badRequest, .jidMalformed, .notAcceptable, .policyViolation, .redirect: .modify
            case .recipientUnavailable, .remoteServerTimeout, .resourceConstraint, .unexpectedRequest: .wait
            case .conflict, .featureNotImplemented, .gone, .internalServerError, .itemNotFound, .notAllowed,
                .remoteServerNotFound, .serviceUnavailable, .undefinedCondition:
                .cancel
            }
        }
    }
}

extension StanzaError {
    public static let badRequest = StanzaError(.badRequest)
    public static let conflict = StanzaError(.conflict)
    public static let featureNotImplemented = StanzaError(.featureNotImplemented)
    public static let forbidden = StanzaError(.forbidden)
    public static let gone = StanzaError(.gone)
    public static let internalServerError = StanzaError(.internalServerError)
    public static let itemNotFound = StanzaError(.itemNotFound)
    public static let jidMalformed = StanzaError(.jidMalformed)
    public static let notAcceptable = StanzaError(.notAcceptable)
    public static let notAllowed = StanzaError(.notAllowed)
    public static let notAuthorized = StanzaError(.notAuthorized)
    public static let policyViolation = StanzaError(.policyViolation)
    public static let recipientUnavailable = StanzaError(.recipientUnavailable)
    public static let redirect = StanzaError(.redirect)
    public static let registrationRequired = StanzaError(.registrationRequired)
    public static let remoteServerNotFound = StanzaError(.remoteServerNotFound)
    public static let remoteServerTimeout = StanzaError(.remoteServerTimeout)
    public static let resourceConstraint = StanzaError(.resourceConstraint)
    public static let serviceUnavailable = StanzaError(.serviceUnavailable)
    public static let subscriptionRequired = StanzaError(.subscriptionRequired)
    public static let undefinedCondition = StanzaError(.undefinedCondition)
    public static let unexpectedRequest = StanzaError(.unexpectedRequest)
}
