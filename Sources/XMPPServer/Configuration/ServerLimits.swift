/// Bounds for the server as a whole; 0 means no bound.
public struct ServerLimits: Hashable, Sendable {
    /// How often signing in may fail.
    public struct SignIns: Hashable, Sendable {
        /// Failed attempts from one address within the time.
        public let perAddress: Int
        /// Failed attempts for one account from one address within the time.
        public let perAccount: Int
        /// Failed attempts for one account within the time, from all addresses without a recent successful sign-in to
        /// it.
        public let perAccountInAll: Int
        /// The time after which an attempt no longer counts.
        public let time: Duration
    }

    /// How many accounts may be registered in-band.
    public struct Registrations: Hashable, Sendable {
        /// Accounts registered from one address within the time; attempts with taken names count as well.
        public let perAddress: Int
        /// The time after which a registration no longer counts.
        public let time: Duration
    }

    /// Threads for connections; 0: one for every two processors. A stanza that crosses threads costs more, and storage
    /// and passwords need processors as well.
    public internal(set) var eventLoops: Int
    /// Connections open at the same time.
    public let connections: Int
    /// Connections open at the same time from one address (for IPv6, from one /64).
    public let connectionsPerAddress: Int
    /// Connections accepted in a second.
    public let acceptsPerSecond: Int
    /// How often signing in may fail.
    public let signIns: SignIns
    /// Accounts of each host that are held in memory, in addition to those in use.
    public let accountsInMemory: Int
    /// How many accounts may be registered in-band.
    public let registrations: Registrations
    /// The memory for the message trace, in bytes.
    public internal(set) var traceSize: Int
    /// Addresses whose sign-ins and registrations are not counted.
    public let trustedAddresses: [CIDRBlock]

    /// The limits that can change while the server runs.
    var live: ServerLimits {
        var limits = self
        limits.eventLoops = 0
        limits.traceSize = 0
        return limits
    }

    /// Whether sign-ins and registrations from `address` are not counted.
    public func trusts(_ address: IPAddress) -> Bool {
        trustedAddresses.contains { $0.contains(address) }
    }

    /// The limits of an empty configuration.
    public static var `default`: ServerLimits { ServerLimits(ConfigSection()) }

    init(_ section: ConfigSection) {
        eventLoops = section.integer(
            "event-loops", default: 0, in: 0...1024,
            "Threads that serve connections; 0 means one for every two processors. The others are for storage and passwords."
        )
        connections = section.integer(
            "connections", default: 50_000, in: 0...10_000_000, "Connections open at the same time."
        )
        connectionsPerAddress = section.integer(
            "connections-per-address", default: 200, in: 0...10_000_000,
            "Connections open at the same time from one address; for IPv6, from one /64."
        )
        acceptsPerSecond = section.integer(
            "accepts-per-second", default: 500, in: 0...1_000_000,
            "New connections accepted in a second; the others wait."
        )
        accountsInMemory = section.integer(
            "accounts-in-memory", default: 10_000, in: 100...10_000_000,
            "Accounts of each host that are held in memory; those in use are held in any case."
        )
        signIns = SignIns(section.section("sign-ins", "How often signing in may fail."))
        registrations = Registrations(section.section("registrations", "How many accounts may be made in-band."))
        traceSize = section.byteCount(
            "trail-size", default: 4 << 20, in: 0...1 << 30,
            "The memory for what became of messages lately, which `swallowtail explain` shows; 0: it is not noted."
        )
        trustedAddresses = section.values(
            "trusted-addresses", default: [], expected: "a block of addresses",
            example: "\"192.0.2.0/24\", \"2001:db8::/32\" or a single address",
            "Addresses or blocks such as `127.0.0.0/8` whose sign-ins and registrations are not counted."
        )
    }
}

extension ServerLimits.SignIns {
    fileprivate init(_ section: ConfigSection) {
        perAddress = section.integer(
            "per-address", default: 60, in: 0...1_000_000, "Failed attempts from one address within the time."
        )
        perAccount = section.integer(
            "per-account", default: 20, in: 0...1_000_000,
            "Failed attempts for one account from one address within the time."
        )
        perAccountInAll = section.integer(
            "per-account-in-all", default: 100, in: 0...1_000_000,
            "Failed attempts for one account within the time from all addresses together. Addresses that the account was "
                + "signed in from lately are not held to it."
        )
        time = section.duration(
            "time", default: .seconds(60), in: .seconds(1)...(.seconds(86_400)),
            "The time after which an attempt is forgotten."
        )
    }
}

extension ServerLimits.Registrations {
    fileprivate init(_ section: ConfigSection) {
        perAddress = section.integer(
            "per-address", default: 5, in: 0...1_000_000,
            "Accounts made from one address within the time; names that are taken count as well."
        )
        time = section.duration(
            "time", default: .seconds(3600), in: .seconds(1)...(.seconds(86_400)),
            "The time after which a registration is forgotten."
        )
    }
}
