import XML

/// The limits of a connection after sign-in.
public struct ConnectionSettings: Sendable {
    /// A rate, and the burst allowed.
    public struct Rate: Sendable {
        public var perSecond: Int
        public var burst: Int

        public init(perSecond: Int, burst: Int) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    /// Limits of the parser.
    public var limits = XMLLimits()
    /// How long a session's peer may send no stanza; nil: unlimited.
    public var idleTime: Duration?
    /// The rates for stanzas and bytes; nil: unlimited.
    public var stanzas: Rate?
    public var bytes: Rate?
    /// The bytes that may wait for a peer that does not read.
    public var outgoingQueue = 4_194_304

    public init() {}
}
