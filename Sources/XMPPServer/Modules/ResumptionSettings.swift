/// How long a host waits for disconnected clients, and how much it stores for each.
public struct ResumptionSettings: Sendable, Equatable {
    /// How long a session may be without a connection.
    public var time: Duration
    /// The maximum number of unacknowledged stanzas; with more the session ends.
    public var stanzas: Int
    /// The maximum bytes of these.
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
