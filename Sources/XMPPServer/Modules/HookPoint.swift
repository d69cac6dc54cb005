import Synchronization
import XMPP

/// The phases of a hook point, in order. Handlers of one phase run in the order of their modules.
public enum HookPhase: UInt8, Sendable, Comparable, CaseIterable {
    /// Reject malformed stanzas.
    case validate
    /// Reject stanzas that are not allowed.
    case block
    /// Change the stanza.
    case rewrite
    /// Archive it.
    case archive
    /// Send copies.
    case copy
    /// Process it.
    case deliver
    /// Process a stanza that nobody took.
    case fallback

    public static func < (left: HookPhase, right: HookPhase) -> Bool { left.rawValue < right.rawValue }
}

/// A point of processing at which modules can act, with the type of its event.
///
/// Points are static constants (see `Hooks`); a module may declare its own.
public struct HookPoint<Event>: Sendable {
    public let name: StaticString
    let index: Int

    /// Make each point once, as a static constant.
    public init(_ name: StaticString) {
        self.name = name
        index = hookPointCount.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

private let hookPointCount = Atomic<Int>(0)

/// The decision of a hook handler.
public enum Verdict: Sendable {
    /// Continue with the next handler.
    case go
    /// Processing is done: nothing else happens to the stanza.
    case handled
    /// Refuse it: the sender gets the error, RFC 6120 §8.3.
    case bounce(StanzaError)
    /// Wait for the operation, whose verdict counts. The sender's next stanzas wait as well; nothing else does.
    case wait(@Sendable () async -> Verdict)
    /// Processing is done once something is durable. The closure submits that in one group with the given changes, and
    /// calls back when it has and with the outcome, from any thread. The sender's next stanzas wait until it is submitted;
    /// answers to the sender until it is durable.
    case keep(Keeping)

    /// - Parameter submitted: may be left out where `done` is called, which says so as well.
    public typealias Keeping =
        @Sendable (
            _ changes: [StorageChange], _ submitted: @escaping @Sendable () -> Void,
            _ done: @escaping @Sendable (StanzaError?) -> Void
        ) -> Void
}
