/// How the clients of a test are connected.
public enum Transport: String, Sendable, CaseIterable {
    /// In memory, without TLS; time stands still unless it is told to go on.
    case memory
    /// As `memory`, with every byte that a client sends arriving on its own.
    case drip
    /// As `memory`, with what is said in WebSocket messages (RFC 7395).
    case websocket
    /// As `memory`, with every second person at home on a second server of the same process, and the same store.
    case homes
    /// Over TCP, with STARTTLS. Timers run in real time.
    case tcp

    var isInMemory: Bool { self != .tcp }

    /// How many servers there are.
    var serverCount: Int { self == .homes ? 2 : 1 }
}
