import Logging
import Synchronization
import XMPP
import XMPPStream

/// Logs each sign-in, each refused one, and each end of a session's connection. Programs can count refusals by address.
/// Refusals name neither accounts nor secrets, as a password may have been typed for a name.
///
/// If there are too many lines of a kind, some are omitted, and the next one has their number.
final class SignInLog: Sendable {
    /// The maximum number of lines of a kind per second.
    static let rate = 50

    private struct Pace {
        var second: Int64 = 0
        var lines = 0
        var omitted = 0
    }

    private let refusals = Mutex(Pace())
    private let successes = Mutex(Pace())
    private let ends = Mutex(Pace())
    private let logger: Logger
    private let now: @Sendable () -> Timestamp

    init(_ logger: Logger, now: @escaping @Sendable () -> Timestamp) {
        self.logger = logger
        self.now = now
    }

    func refused(_ failure: SASLFailure, domain: String, from address: IPAddress?) {
        // Only attempts with a secret can fail.
        guard failure == .notAuthorized || failure == .temporaryAuthFailure else { return }
        write(
            .notice, "sign-in refused",
            ["address": Self.text(address), "host": "\(domain)", "outcome": "\(failure.rawValue)"], refusals)
    }

    /// - Parameter mechanism: the SASL mechanism, or what replaces it.
    func succeeded(_ account: JID, mechanism: String, from address: IPAddress?) {
        write(
            .info, "signed in",
            ["account": "\(account)", "address": Self.text(address), "mechanism": "\(mechanism)"], successes)
    }

    /// The connection of a session has ended.
    func ended(_ session: JID, _ reason: StreamEnd, from address: IPAddress?) {
        let text =
            switch reason {
            case .closed: "closed"
            case .lost: "lost"
            case .error(let error): String(describing: error.condition.name)
            }
        write(
            .info, "disconnected",
            ["account": "\(session)", "address": Self.text(address), "reason": "\(text)"], ends)
    }

    private static func text(_ address: IPAddress?) -> Logger.MetadataValue { "\(address?.description ?? "unknown")" }

    private func write(
        _ level: Logger.Level, _ message: Logger.Message, _ metadata: @autoclosure () -> Logger.Metadata,
        _ pace: borrowing Mutex<Pace>
    ) {
        guard level >= logger.logLevel, let omitted = take(pace) else { return }
        var metadata = metadata()
        if omitted > 0 { metadata["omitted"] = "\(omitted)" }
        logger.log(level: level, message, metadata: metadata)
    }

    /// - Returns: the number of lines omitted before this one; nil: this one is omitted as well.
    private func take(_ pace: borrowing Mutex<Pace>) -> Int? {
        let second = now().milliseconds / 1000
        return pace.withLock { pace in
            if pace.second != second {
                pace.second = second
                pace.lines = 0
            }
            guard pace.lines < Self.rate else {
                pace.omitted += 1
                return nil
            }
            pace.lines += 1
            defer { pace.omitted = 0 }
            return pace.omitted
        }
    }
}
