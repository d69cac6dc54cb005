import Synchronization
import XMPP

/// The order in which the handlers of one moment run. Within a phase they run in the order in which their modules are
/// listed.
public enum HookPhase: UInt8, Sendable, Comparable, CaseIterable {
    /// Is the stanza well-formed for what it wants to be?
    case validate
    /// May it pass?
    case block
    /// Change it.
    case rewrite
    /// Keep it.
    case archive
    /// Send copies elsewhere.
    case copy
    /// Do what it is for.
    case deliver
    /// Nobody took it.
    case fallback

    public static func < (left: HookPhase, right: HookPhase) -> Bool { left.rawValue < right.rawValue }
}

/// A moment at which modules may act, with the type of what they are shown then.
///
/// Points are static constants beside what they are about (see `Hooks`); a module may declare points of its own.
public struct HookPoint<Event>: Sendable {
    public let name: StaticString
    let index: Int

    /// Points are made once, as static constants.
    public init(_ name: StaticString) {
        self.name = name
        index = hookPointCount.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

private let hookPointCount = Atomic<Int>(0)

/// What a handler says shall happen.
public enum Verdict: Sendable {
    /// Not mine, or done: go on with the next handler.
    case go
    /// Taken care of: nothing else happens to it.
    case handled
    /// Refused: the sender gets the error, RFC 6120 §8.3.
    case bounce(StanzaError)
    /// The answer needs something that has to be waited for. The sender's next stanzas wait as well; nothing else does.
    case wait(@Sendable () async -> Verdict)
    /// Taken care of, once something is durable: the closure submits that, in one group with the changes that it is
    /// given, and calls back with the outcome, from any thread. The sender's next messages need not wait; what the sender
    /// asks is answered after it.
    case keep(Keeping)

    public typealias Keeping =
        @Sendable (_ changes: [StorageChange], _ done: @escaping @Sendable (StanzaError?) -> Void) -> Void
}
