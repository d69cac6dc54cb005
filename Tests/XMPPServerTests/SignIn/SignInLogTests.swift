import Logging
import Synchronization
import Testing
import XMPP

@testable import XMPPServer

@Suite struct SignInLogTests {
    private final class Lines: Sendable {
        let texts = Mutex<[String]>([])
        let second = Mutex<Int64>(0)
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.texts.withLock { $0.append("\(event.message) \(metadata.joined(separator: " "))") }
        }
    }

    @Test func aRefusedSignInIsALineThatCanBeCounted() throws {
        let lines = Lines()
        let log = SignInLog(Logger(label: "test") { _ in Handler(lines: lines) }) { Timestamp(milliseconds: 0) }
        let address = try #require(IPAddress("192.0.2.1"))
        for failure in [.notAuthorized, .invalidMechanism, .temporaryAuthFailure] as [SASLFailure] {
            log.refused(failure, domain: "chat.example", from: address)
        }
        #expect(
            lines.texts.withLock { $0 } == [
                "sign-in refused address=192.0.2.1 host=chat.example outcome=not-authorized",
                "sign-in refused address=192.0.2.1 host=chat.example outcome=temporary-auth-failure",
            ])
    }

    @Test func aSignInAndTheEndOfItsConnectionAreLines() throws {
        let lines = Lines()
        let log = SignInLog(Logger(label: "test") { _ in Handler(lines: lines) }) { Timestamp(milliseconds: 0) }
        let address = try #require(IPAddress("192.0.2.1"))
        let session = try #require(JID("mary@chat.example/pc"))
        log.succeeded(session.bare, mechanism: "PLAIN", from: address)
        log.ended(session, .lost, from: address)
        log.ended(session, .error(.policyViolation), from: nil)
        #expect(
            lines.texts.withLock { $0 } == [
                "signed in account=mary@chat.example address=192.0.2.1 mechanism=PLAIN",
                "disconnected account=mary@chat.example/pc address=192.0.2.1 reason=lost",
                "disconnected account=mary@chat.example/pc address=unknown reason=policy-violation",
            ])
    }

    @Test func aFloodIsCountedInOneLine() {
        let lines = Lines()
        let log = SignInLog(Logger(label: "test") { _ in Handler(lines: lines) }) { [lines] in
            Timestamp(milliseconds: lines.second.withLock { $0 } * 1000)
        }
        for _ in 0..<(SignInLog.rate + 7) { log.refused(.notAuthorized, domain: "chat.example", from: nil) }
        #expect(lines.texts.withLock { $0.count } == SignInLog.rate)
        lines.second.withLock { $0 = 1 }
        log.refused(.notAuthorized, domain: "chat.example", from: nil)
        #expect(
            lines.texts.withLock { $0.last }
                == "sign-in refused address=unknown host=chat.example omitted=7 outcome=not-authorized")
    }
}
