/// How long a host waits for clients that have lost their connection, and how much it keeps for each of them.
public struct ResumptionSettings: Sendable, Equatable {
    /// How long a session may be without a connection.
    public var time: Duration
    /// The stanzas that may wait for a client's acknowledgement; with more its session ends.
    public var stanzas: Int
    /// The bytes of these.
    public var bytes: Int
    /// How long a client may take to answer a request for acknowledgement before its connection counts as lost.
    public var patience: Duration

    public init(time: Duration, stanzas: Int, bytes: Int, patience: Duration) {
        self.time = time
        self.stanzas = stanzas
        self.bytes = bytes
        self.patience = patience
    }
}
