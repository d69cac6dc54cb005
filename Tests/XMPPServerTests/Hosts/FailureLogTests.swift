import Logging
import Synchronization
import Testing

@testable import XMPPServer

@Suite("The log of the storage's failures")
struct FailureLogTests {
    @Test("However often it fails, so many lines are written in a time, and how many were not is told")
    func bounded() {
        let (lines, clock) = (Lines(), Clock())
        let log = FailureLog(Logger(label: "test") { _ in lines }, now: { clock.now })
        for _ in 0..<1000 { log.report(StorageError(.failed, "disk full")) }
        #expect(lines.all.count == 5)
        #expect(lines.all.allSatisfy { $0.hasPrefix("error") && $0.contains("disk full") })
        clock.advance(.seconds(10))
        log.report(StorageError(.failed, "disk full"))
        #expect(lines.all.count == 6)
        #expect(lines.all.last?.contains("995") == true)
    }

    @Test("A read that nobody waits for is no failure")
    func cancelled() {
        let lines = Lines()
        FailureLog(Logger(label: "test") { _ in lines }).report(StorageError(.cancelled, "gone"))
        #expect(lines.all.isEmpty)
    }
}

private final class Clock: Sendable {
    private let state = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { state.withLock { $0 } }
    func advance(_ time: Duration) { state.withLock { $0 += time } }
}

private final class Lines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .info }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(
        level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String, file: String,
        function: String, line: UInt
    ) {
        let metadata = (metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        lines.withLock { $0.append("\(level) \(message) \(metadata)") }
    }
}
