public import XML

/// A stream error (RFC 6120, section 4.9).
public struct StreamError: Error, Equatable, Sendable {
    public var condition: Condition
    /// An explanation for people, in English. It is sent to the peer.
    public var text: String?
    /// A condition of an extension (RFC 6120, section 4.9.4).
    public var detail: Detail?

    public init(_ condition: Condition, text: String? = nil, detail: Detail? = nil) {
        self.condition = condition
        self.text = text
        self.detail = detail
    }

    /// An element without content.
    public struct Detail: Equatable, Sendable {
        public let name: StaticString
        public let namespace: Namespace
        /// Attributes that are numbers.
        public let counts: [(StaticString, UInt32)]

        public init(_ name: StaticString, _ namespace: Namespace, _ counts: [(StaticString, UInt32)]) {
            self.name = name
            self.namespace = namespace
            self.counts = counts
        }

        public static func == (one: Detail, other: Detail) -> Bool {
            "\(one.name)" == "\(other.name)" && one.namespace == other.namespace
                && one.counts.map { "\($0.0)=\($0.1)" } == other.counts.map { "\($0.0)=\($0.1)" }
        }
    }
}

extension StreamError {
    /// The defined conditions (RFC 6120, section 4.9.3).
    public enum Condition: Equatable, Sendable {
        /// The stream has something that cannot be processed.
        case badFormat
        /// A prefix is not the one asked for, or not declared.
        case badNamespacePrefix
        /// Another stream replaces this one.
        case conflict
        /// The peer was silent for too long.
        case connectionTimeout
        /// The host is not served here any more.
        case hostGone
        /// The host is not served here.
        case hostUnknown
        /// A stanza between servers lacks `from` or `to`.
        case improperAddressing
        /// The server failed; the reason is not told.
        case internalServerError
        /// The address in `from` is not the authenticated one.
        case invalidFrom
        /// The stream's or the content's namespace is not the right one.
        case invalidNamespace
        /// The XML violates the rules of the stream.
        case invalidXml
        /// The peer has to sign in first.
        case notAuthorized
        /// The XML is not well-formed.
        case notWellFormed
        /// It breaks a rule of the service.
        case policyViolation
        /// A server that is needed cannot be reached.
        case remoteConnectionFailed
        /// The stream has to be opened anew.
        case reset
        /// The server has too much to do.
        case resourceConstraint
        /// The XML has a comment, processing instruction, DTD or entity of its own.
        case restrictedXml
        /// Another host is to be used: its name or address, optionally with a port.
        case seeOtherHost(String)
        /// The server shuts down.
        case systemShutdown
        /// None of the others.
        case undefinedCondition
        /// The encoding is not UTF-8.
        case unsupportedEncoding
        /// The peer wants a feature that the server lacks.
        case unsupportedFeature
        /// The stream has an element that is no stanza.
        case unsupportedStanzaType
        /// The version is not 1.0.
        case unsupportedVersion

        /// The name of the element.
        public var name: StaticString {
            switch self {
            case .badFormat: "bad-format"
            case .badNamespacePrefix: "bad-namespace-prefix"
            case .conflict: "conflict"
            case .connectionTimeout: "connection-timeout"
            case .hostGone: "host-gone"
            case .hostUnknown: "host-unknown"
            case .improperAddressing: "improper-addressing"
            case .internalServerError: "internal-server-error"
            case .invalidFrom: "invalid-from"
            case .invalidNamespace: "invalid-namespace"
            case .invalidXml: "invalid-xml"
            case .notAuthorized: "not-authorized"
            case .notWellFormed: "not-well-formed"
            case .policyViolation: "policy-violation"
            case .remoteConnectionFailed: "remote-connection-failed"
            case .reset: "reset"
            case .resourceConstraint: "resource-constraint"
            case .restrictedXml: "restricted-xml"
            case .seeOtherHost: "see-other-host"
            case .systemShutdown: "system-shutdown"
            case .undefinedCondition: "undefined-condition"
            case .unsupportedEncoding: "unsupported-encoding"
            case .unsupportedFeature: "unsupported-feature"
            case .unsupportedStanzaType: "unsupported-stanza-type"
            case .unsupportedVersion: "unsupported-version"
            }
        }
    }
}

extension StreamError {
    public static let badFormat = StreamError(.badFormat)
    public static let badNamespacePrefix = StreamError(.badNamespacePrefix)
    public static let conflict = StreamError(.conflict)
    public static let connectionTimeout = StreamError(.connectionTimeout)
    public static let hostGone = StreamError(.hostGone)
    public static let hostUnknown = StreamError(.hostUnknown)
    public static let improperAddressing = StreamError(.improperAddressing)
    public static let internalServerError = StreamError(.internalServerError)
    public static let invalidFrom = StreamError(.invalidFrom)
    public static let invalidNamespace = StreamError(.invalidNamespace)
    public static let invalidXml = StreamError(.invalidXml)
    public static let notAuthorized = StreamError(.notAuthorized)
    public static let notWellFormed = StreamError(.notWellFormed)
    public static let policyViolation = StreamError(.policyViolation)
    public static let remoteConnectionFailed = StreamError(.remoteConnectionFailed)
    public static let reset = StreamError(.reset)
    public static let resourceConstraint = StreamError(.resourceConstraint)
    public static let restrictedXml = StreamError(.restrictedXml)
    public static func seeOtherHost(_ host: String) -> StreamError { StreamError(.seeOtherHost(host)) }
    public static let systemShutdown = StreamError(.systemShutdown)
    public static let undefinedCondition = StreamError(.undefinedCondition)
    public static let unsupportedEncoding = StreamError(.unsupportedEncoding)
    public static let unsupportedFeature = StreamError(.unsupportedFeature)
    public static let unsupportedStanzaType = StreamError(.unsupportedStanzaType)
    public static let unsupportedVersion = StreamError(.unsupportedVersion)
}
