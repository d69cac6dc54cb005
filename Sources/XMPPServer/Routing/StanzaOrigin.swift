import NIOCore
import XML
import XMPP
import XMPPStream

/// Whoever sent a stanza: takes its errors and results, and can be slowed down.
///
/// A session of a client is one; so is the link of a component, and what a component sends in an account's name. The
/// server's own stanzas have none: nobody is to be told.
public protocol StanzaOrigin: AnyObject, Sendable {
    /// The loop on which it sends.
    var loop: LoopContext { get }
    /// The default language of what it sends, RFC 6120 §4.7.4.
    var language: String? { get }
    /// What it may ask for.
    var rights: SessionRights { get }
    /// The host that it belongs to.
    var host: Host { get }
    /// The account in whose name it sends, of that host; nil: it is no account's, and there is no sender's half.
    var account: AccountRecord? { get }
    /// What it may do in the name of every account of its host; nil: nothing.
    var privileges: ComponentPrivileges? { get }
    /// The service that sends, in its own name or in an account's; nil: none does.
    var service: (any Service)? { get }
    /// The session, where it is a client that is connected here. Only the sender's half of the way asks for it.
    var client: ClientSession? { get }

    /// Sends it a stanza that is written by `body`.
    ///
    /// - Parameter isAwaited: whether it waits for it: it may be larger than what may wait otherwise.
    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void)
    /// Sends it messages, each when it has taken those before. On its loop.
    ///
    /// - Parameters:
    ///   - message: how one is written, by index; nil: it is left out.
    ///   - then: called once, on its loop, with whether all have been sent.
    func sendMessages(
        _ count: Int, _ message: @escaping (_ index: Int) -> Reply.Content?,
        then: @escaping (_ areSent: Bool) -> Void)
    /// Waits for `operation` without reading more from it, then goes on with `then` on the loop. Called on the loop.
    ///
    /// - Parameters:
    ///   - time: how long it may take.
    ///   - then: gets nil when the time is over; what the operation brings later is dropped.
    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void)
    /// Takes note of a stanza of its own that is answered later, such as a request; nothing more is read when there are too many. On the loop.
    func requestStarted(_ request: PendingRequest)
    /// On the loop.
    func requestEnded(_ request: PendingRequest)
    /// The recipient's half of the way of one of its stanzas is over, and has not refused it. Told to those without an account:
    /// the sender's half, if there is one, is on another server.
    ///
    /// - Parameter facts: what the sender's half has to know.
    func accepted(_ facts: MessageFacts)
    /// The origin for what may come of a stanza long after it was accepted.
    var lasting: any StanzaOrigin { get }
}

extension StanzaOrigin {
    public var privileges: ComponentPrivileges? { nil }
    public func accepted(_ facts: MessageFacts) {}
    /// Those who ask for no messages take none.
    public func sendMessages(
        _ count: Int, _ message: @escaping (_ index: Int) -> Reply.Content?,
        then: @escaping (_ areSent: Bool) -> Void
    ) {
        then(count == 0)
    }
    public var lasting: any StanzaOrigin { self }
    public var service: (any Service)? { nil }
}

/// What one half of a stanza's way tells the other: the two accounts may be at home in different places.
public struct MessageFacts: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sender keeps a history.
    public static let senderKeepsHistory = MessageFacts(rawValue: 1)
    /// The sender wants this message not to be kept in the sender's name.
    public static let senderPausesArchiving = MessageFacts(rawValue: 2)
    /// The recipient keeps a history.
    public static let recipientKeepsHistory = MessageFacts(rawValue: 4)
    /// No client and no component sends the stanza, but the sender's server. Where both halves are on one server that is seen
    /// by its having no origin.
    public static let fromServer = MessageFacts(rawValue: 8)
    /// The server has asked for this presence, for the session that is addressed, whose account it is shown as sent to. A bare
    /// address: for no session.
    public static let answersServer = MessageFacts(rawValue: 16)
}
