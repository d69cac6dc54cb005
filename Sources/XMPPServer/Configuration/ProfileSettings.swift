public import XMPPStream

/// Everything that a profile sets apart from the settings of its modules.
public struct ProfileSettings: Hashable, Sendable {
    /// How people sign in.
    public let authentication: AuthenticationSettings
    /// Which stanzas are allowed.
    public let stanzas: StanzaSettings
    /// How streams behave.
    public let streams: StreamSettings
    /// Bounds for each connection.
    public let limits: LimitSettings
    /// The names of the modules that are on.
    let modules: [String]

    /// Whether the module of that name is on.
    public func offers(_ module: String) -> Bool { modules.contains(module) }

    init(_ section: ConfigSection, modules: [String] = []) {
        self.modules = modules
        authentication = AuthenticationSettings(section.section("authentication", "How people sign in."))
        stanzas = StanzaSettings(section.section("stanzas", "Which stanzas are let through."))
        streams = StreamSettings(section.section("streams", "How streams behave."))
        limits = LimitSettings(section.section("limits", "Bounds for each connection."))
    }
}

/// How people sign in.
public struct AuthenticationSettings: Hashable, Sendable {
    /// The mechanisms on offer, in order of preference.
    public let mechanisms: [SASLMechanism]
    /// The number of failures after which the connection ends.
    public let attempts: Int
    /// The scopes that an access token must have, all of them.
    public let tokenScopes: [String]
    /// The iteration count for new passwords.
    public let scramIterations: Int
    /// Whether XEP-0388 is offered, with XEP-0386 and the other features of that sign-in.
    public let offersSASL2: Bool
    /// True if clients get tokens to sign in with, XEP-0484.
    public let offersFAST: Bool
    /// The lifetime of such a token.
    public let tokenLifetime: Duration
    /// The age from which a token that is used is replaced.
    public let tokenRotation: Duration
    /// How long a device that does not sign in is remembered.
    public let deviceMemory: Duration
    /// Whether sign-in needs TLS.
    public let requiresTLS: Bool

    /// The settings of a profile that says nothing.
    public static var `default`: AuthenticationSettings { AuthenticationSettings(ConfigSection()) }

    init(_ section: ConfigSection) {
        mechanisms = section.choices(
            "mechanisms", default: [.scramSHA256Plus, .scramSHA256],
            "The SASL mechanisms on offer, in the order in which they are announced."
        )
        attempts = section.integer(
            "attempts", default: 3, in: 1...20, "The number of failures after which the connection ends."
        )
        tokenScopes = section.strings(
            "token-scopes", default: [], "The scopes that an access token must have, all of them."
        )
        scramIterations = section.integer(
            "scram-iterations", default: 10_000, in: 4096...1_000_000,
            "The iteration count of passwords that are set from now on."
        )
        offersSASL2 = section.boolean(
            "sasl2", default: true,
            "Whether clients can sign in and bind a resource in one request (XEP-0388, XEP-0386)."
        )
        offersFAST = section.boolean(
            "fast", default: true,
            "Whether clients get tokens of their own, with which they are back in one round trip (XEP-0484)."
        )
        tokenLifetime = section.duration(
            "fast-lifetime", default: .seconds(21 * 86_400), in: .seconds(60)...(.seconds(3650 * 86_400)),
            "How long such a token is good."
        )
        tokenRotation = section.duration(
            "fast-rotation", default: .seconds(86_400), in: .zero...(.seconds(3650 * 86_400)),
            "The age from which on such a token, when it is used, is followed by another; 0: at each use."
        )
        deviceMemory = section.duration(
            "device-memory", default: .seconds(90 * 86_400), in: .zero...(.seconds(3650 * 86_400)),
            "How long a device that does not sign in stays on its account's list; its tokens end no later."
        )
        requiresTLS = section.boolean(
            "require-tls", default: true, "Whether signing in takes TLS. Switch it off for tests only."
        )
        if section.hasEmptyList("mechanisms") {
            section.fail("mechanisms", "nobody could sign in", fix: "list at least one mechanism")
        }
    }
}

/// Which stanzas are allowed.
public struct StanzaSettings: Hashable, Sendable {
    /// The types of messages, RFC 6121 section 5.2.2.
    public enum MessageType: String, CaseIterable, Sendable {
        case chat, normal, headline, groupchat, error
    }

    /// What happens to messages from people who are not contacts.
    public enum StrangerPolicy: String, CaseIterable, Sendable {
        /// They are delivered.
        case deliver
        /// Their senders get `service-unavailable`.
        case refuse
    }

    /// The allowed types of messages.
    public let messageTypes: Set<MessageType>
    /// What happens to messages from people who are not contacts.
    public let fromStrangers: StrangerPolicy

    /// The settings of a profile that says nothing.
    public static var `default`: StanzaSettings { StanzaSettings(ConfigSection()) }

    init(_ section: ConfigSection) {
        messageTypes = Set(
            section.choices(
                "message-types", default: MessageType.allCases,
                "The types of messages that are let through; `normal` stands for messages without a type, too."
            )
        )
        fromStrangers = section.choice(
            "from-strangers", default: StrangerPolicy.deliver,
            "What happens to messages from people who are not contacts: `refuse` answers service-unavailable."
        )
    }
}

/// How streams behave.
public struct StreamSettings: Hashable, Sendable {
    /// The stream error that answers a stanza over its size.
    public typealias OversizedError = NegotiationSettings.OversizedStanza

    /// What happens if a client asks for a resource that another of the same account has.
    public enum ResourceConflict: String, CaseIterable, Sendable {
        /// The old session stays, the new one gets another resource.
        case keepOld = "keep-old"
        /// The old session ends with `conflict`.
        case replaceOld = "replace-old"
    }

    /// What the text of errors about malformed XML begins with, before the reason and the place.
    public let malformedTextPrefix: String
    /// The stream error that answers a stanza over its size.
    public let oversizedError: OversizedError
    /// True if replies to requests without an address carry the domain as `from`.
    public let usesLegacyFrom: Bool
    /// What happens if a client asks for a resource that is taken.
    public let resourceConflict: ResourceConflict

    /// The settings of a profile that says nothing.
    public static var `default`: StreamSettings { StreamSettings(ConfigSection()) }

    init(_ section: ConfigSection) {
        malformedTextPrefix = section.string(
            "malformed-text", default: "",
            "What the text of stream errors about malformed XML begins with, before the reason and the place."
        )
        oversizedError = section.choice(
            "oversized", default: OversizedError.policyViolation, "The stream error for a stanza over its size."
        )
        usesLegacyFrom = section.boolean(
            "legacy-from", default: false,
            "Whether replies to requests without an address carry the domain as `from`; those about the roster never "
                + "do."
        )
        resourceConflict = section.choice(
            "resource-conflict", default: ResourceConflict.keepOld,
            "If a resource is taken: `keep-old` gives the new session another one, `replace-old` ends the old session."
        )
    }
}
