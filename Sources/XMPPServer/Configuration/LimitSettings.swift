/// Bounds for each connection of a host; where it says so, 0 means no bound.
public struct LimitSettings: Hashable, Sendable {
    /// The largest stanza, in bytes.
    public let stanzaSize: Int
    /// The largest stanza before sign-in, in bytes; never above `stanzaSize`.
    public let unauthenticatedStanzaSize: Int
    /// How deep elements may be nested.
    public let depth: Int
    /// The attributes of one element.
    public let attributes: Int
    /// The namespace declarations in scope.
    public let namespaces: Int
    /// The time from connecting to a bound session.
    public let signInTime: Duration
    /// The time without a stanza after which a session ends; nil: never.
    public let idleTime: Duration?
    /// How fast a client's stanzas are read.
    public let rate: Rate
    /// The bytes that may wait for a client that does not read.
    public let outgoingQueueSize: Int
    /// The sessions of one account at the same time.
    public let sessionsPerAccount: Int
    /// The maximum length of a resource in bytes.
    public let resourceLength: Int
    /// The requests of a session that may wait for their answers at once; further ones are not read yet.
    public let parallelRequests: Int
    /// The time after which an unanswered request gets an error.
    public let requestTime: Duration

    /// How fast a client's stanzas are read. Above it reading pauses; nothing is dropped.
    public struct Rate: Hashable, Sendable {
        /// Stanzas in a second; 0 means no bound.
        public let stanzasPerSecond: Int
        /// Stanzas that may come at once.
        public let stanzaBurst: Int
        /// Bytes in a second; 0 means no bound.
        public let bytesPerSecond: Int
        /// Bytes that may come at once.
        public let byteBurst: Int
    }

    /// The limits of a profile that says nothing.
    public static var `default`: LimitSettings { LimitSettings(ConfigSection()) }

    /// The smallest bound for a stanza's size that RFC 6120 section 13.12 allows.
    private static let sizes = 10_000...(64 << 20)

    init(_ section: ConfigSection) {
        let size = section.byteCount("stanza-size", default: 256 << 10, in: Self.sizes, "The largest stanza.")
        stanzaSize = size
        unauthenticatedStanzaSize = min(
            size,
            section.byteCount(
                "unauthenticated-stanza-size", default: 10 << 10, in: Self.sizes,
                "The largest stanza before sign-in; `stanza-size` bounds it."
            )
        )
        depth = section.integer("depth", default: 64, in: 4...1000, "How deep elements may be nested.")
        attributes = section.integer("attributes", default: 128, in: 8...10_000, "The attributes of one element.")
        namespaces = section.integer(
            "namespaces", default: 64, in: 8...10_000, "The namespace declarations that may be in scope."
        )
        signInTime = section.duration(
            "sign-in-time", default: .seconds(30), in: .seconds(1)...(.seconds(3600)),
            "The time from connecting to a bound session."
        )
        let idle = section.duration(
            "idle-time", default: .zero, in: .zero...(.seconds(30 * 86_400)),
            "The time without a stanza after which a session ends; 0: never."
        )
        idleTime = idle == .zero ? nil : idle
        rate = Rate(section.section("rate", "How fast a client is read. Over it, reading pauses; nothing is dropped."))
        outgoingQueueSize = section.byteCount(
            "outgoing-queue", default: 4 << 20, in: (64 << 10)...(1 << 30),
            "The bytes that may wait for a client that has stopped reading; over them it is disconnected."
        )
        sessionsPerAccount = section.integer(
            "sessions-per-account", default: 50, in: 1...10_000, "The sessions of one account at the same time."
        )
        resourceLength = section.integer(
            "resource-length", default: 255, in: 8...1023, "The longest resource, in bytes."
        )
        parallelRequests = section.integer(
            "parallel-requests", default: 16, in: 1...1000,
            "The requests of a session that may wait for their answers side by side; further ones wait to be read."
        )
        requestTime = section.duration(
            "request-time", default: .seconds(30), in: .seconds(1)...(.seconds(600)),
            "The time after which a request that is still not answered, or a stanza that still waits for something, is refused."
        )
    }
}

extension LimitSettings.Rate {
    fileprivate init(_ section: ConfigSection) {
        stanzasPerSecond = section.integer(
            "stanzas-per-second", default: 100, in: 0...1_000_000, "Stanzas in a second; 0: no bound."
        )
        stanzaBurst = section.integer(
            "stanza-burst", default: 500, in: 1...1_000_000, "Stanzas that may come at once."
        )
        bytesPerSecond = section.byteCount(
            "bytes-per-second", default: 128 << 10, in: 0...(1 << 30), "Bytes in a second; 0: no bound."
        )
        byteBurst = section.byteCount(
            "byte-burst", default: 1 << 20, in: 10_000...(1 << 30), "Bytes that may come at once."
        )
    }
}
