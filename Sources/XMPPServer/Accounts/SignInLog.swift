import Logging
import Synchronization
import XMPP
import XMPPStream

/// Writes a line for each sign-in that was refused, so that a program that watches the log can count them by address. It
/// names neither accounts nor secrets: what is typed for a name may be a password.
///
/// When there are too many lines, some are left out, and the next one says how many.
final class SignInLog: Sendable {
    /// Lines in a second.
    static let rate = 50

    private struct State {
        var second: Int64 = 0
        var lines = 0
        var omitted = 0
    }

    private let state = Mutex(State())
    private let logger: Logger
    private let now: @Sendable () -> Timestamp

    init(_ logger: Logger, now: @escaping @Sendable () -> Timestamp) {
        self.logger = logger
        self.now = now
    }

    func note(_ failure: SASLFailure?, domain: String, from address: IPAddress?) {
        // Who was not even asked for a secret has not failed.
        guard let failure, failure == .notAuthorized || failure == .temporaryAuthFailure else { return }
        guard let omitted = take() else { return }
        var metadata: Logger.Metadata = [
            "address": "\(address?.description ?? "unknown")", "host": "\(domain)", "outcome": "\(failure.rawValue)",
        ]
        if omitted > 0 { metadata["omitted"] = "\(omitted)" }
        logger.notice("sign-in refused", metadata: metadata)
    }

    /// - Returns: how many lines were left out before this one; nil: this one is left out, too.
    private func take() -> Int? {
        let second = now().milliseconds / 1000
        return state.withLock { state in
            if state.second != second {
                state.second = second
                state.lines = 0
            }
            guard state.lines < Self.rate else {
                state.omitted += 1
                return nil
            }
            state.lines += 1
            defer { state.omitted = 0 }
            return state.omitted
        }
    }
}
