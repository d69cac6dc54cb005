import XML

/// What a connection allows a peer that is no stranger any more.
public struct ConnectionSettings: Sendable {
    /// A speed, and how much may come at once.
    public struct Rate: Sendable {
        public var perSecond: Int
        public var burst: Int

        public init(perSecond: Int, burst: Int) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    /// Of the parser.
    public var limits = XMLLimits()
    /// How long the peer of a session may send no stanza; nil: for ever.
    public var idleTime: Duration?
    /// How fast stanzas and bytes are read; `nil`: as fast as they come.
    public var stanzas: Rate?
    public var bytes: Rate?
    /// Bytes that may wait for a peer that does not read.
    public var outgoingQueue = 4_194_304

    public init() {}
}
