import NIOCore
import XMPPServer

/// How much the proxy passes on.
struct BytestreamLimits: Sendable, Equatable {
    let connections: Int
    let perAccount: Int
    let rate: Int
    let waitTime: Duration
    let idleTime: Duration

    init(_ section: ConfigSection) {
        connections = section.integer(
            "connections", default: 1000, in: 2...1_000_000, "Connections at a time; a stream has two.")
        perAccount = section.integer(
            "streams-per-account", default: 10, in: 1...1_000_000, "Streams of one account at a time.")
        rate = section.byteCount(
            "bytes-per-second", default: 0, in: 0...(1 << 40), "How fast a stream may be, each way; 0: any speed.")
        waitTime = section.duration(
            "wait-time", default: .seconds(60), in: .seconds(1)...(.seconds(3600)),
            "How long a connection may wait for the other one, and for both to be let go.")
        idleTime = section.duration(
            "idle-time", default: .seconds(300), in: .seconds(1)...(.seconds(86_400)),
            "How long a stream may be silent.")
    }
}
