import Logging
import Synchronization
import XMPP
import XMPPStream

/// Writes a line for each sign-in, refused or not, and for each end of a session's connection. Those that were refused can
/// be counted by address by a program that watches the log; they name neither accounts nor secrets: what is typed for a
/// name may be a password.
///
/// When there are too many lines of a kind, some are left out, and the next one says how many.
final class SignInLog: Sendable {
    /// Lines of a kind in a second.
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
        // Who was not even asked for a secret has not failed.
        guard failure == .notAuthorized || failure == .temporaryAuthFailure else { return }
        write(
            .notice, "sign-in refused",
            ["address": Self.text(address), "host": "\(domain)", "outcome": "\(failure.rawValue)"], refusals)
    }

    /// - Parameter mechanism: of SASL, or what stands for it.
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

    /// - Returns: how many lines were left out before this one; nil: this one is left out, too.
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
