import NIOCore
import XML
import XMPP

/// A stanza on its way.
///
/// The way has two halves, and each may be in another place: the sender's (`…FromClient`, `messageAccepted`) knows the
/// account and the session, if one has sent it, the recipient's (`…ToAccount`) the account that the stanza is for. What the other half has to
/// know travels as `facts`.
///
/// It has no initialiser of its own: such a one makes a copy when it ends, which the memberwise one does not.
public struct StanzaContext: Sendable {
    /// The place that it has reached; a number is that of the next handler.
    enum Stage: Sendable {
        case fromClient(Int)
        case addressed
        case toAccount(Int)
        case deliver
        case fallback(Int)
        case accepted
    }

    public private(set) var stanza: Stanza
    /// It could not be written as it must be, and is refused.
    private(set) var isVoid = false
    /// The stanza as all get it to whom it is sent; `nil`: it is for one, or has been changed for one.
    private(set) var written: WrittenStanza?
    /// See `storedBytes`.
    private(set) var stored: [UInt8]?
    /// Who sent it; a full JID for a client.
    public let from: JID
    /// `nil`: the sender gave no address.
    public private(set) var to: JID?
    /// Who is told of errors, and held back while the stanza waits; nil: nobody.
    public internal(set) var origin: (any StanzaOrigin)?
    /// What the two halves of the way tell each other.
    public var facts: MessageFacts = []
    /// The modules whose handlers are asked: those that the host had when the stanza came to it.
    var loaded: LoadedModules
    /// The account that the stanza is for, in whichever half.
    var recipient: AccountRecord?
    /// When the stanza came, if that is not now: it has waited for a session that has ended since.
    public internal(set) var time: Timestamp?
    /// The session that it has waited for, which does not take it any more.
    var detached: SessionOutput?
    var stage: Stage
    /// Called when processing has ended: what it changes has been submitted.
    var finished: (@Sendable () -> Void)?
    /// What it makes durable; nil: nothing so far.
    var transaction: StanzaTransaction?
    /// The message's number in the trace of its sender's loop; 0: it is not followed.
    var number: UInt64 = 0

    /// The host whose handlers are asked.
    public var host: Host { loaded.host }

    /// What collects the stanza's changes, made when it is asked for: most stanzas change nothing.
    @discardableResult
    public mutating func beginTransaction() -> StanzaTransaction {
        let transaction = transaction ?? StanzaTransaction()
        self.transaction = transaction
        return transaction
    }

    /// The session that sent the stanza, in the sender's half; nil: no client of this server has, or this is the other half.
    public var session: ClientSession? {
        switch stage {
        case .fromClient, .accepted: origin?.client
        case .addressed, .toAccount, .deliver, .fallback: nil
        }
    }

    /// The account that sent the stanza, in the sender's half: that of the session, or of whoever sends in its name. nil: this
    /// is the other half.
    public var sender: AccountRecord? {
        switch stage {
        case .fromClient, .accepted: origin?.account
        case .addressed, .toAccount, .deliver, .fallback: nil
        }
    }

    /// The account that the stanza is for, in the recipient's half, `…ToAccount`.
    public var account: AccountRecord? {
        if case .accepted = stage { nil } else { recipient }
    }

    /// Begins the last part of a message's way, back at its sender's.
    mutating func accept(at loaded: LoadedModules) {
        stage = .accepted
        self.loaded = loaded
    }

    /// Sends the stanza to another address than the one that it was given.
    public mutating func readdress(to: JID) {
        self.to = to
        stored = nil
    }

    /// Begins anew, for another one of those to whom a stanza is sent: what its last processing has changed is as it was.
    mutating func begin(_ stanza: Stanza, _ written: WrittenStanza, to: JID, at host: Host) {
        if self.written !== written {
            self.stanza = stanza
            self.written = written
        }
        let loaded = host.loaded
        if self.loaded !== loaded { self.loaded = loaded }
        self.to = to
        stored = nil
        isVoid = false
        recipient = nil
        stage = .addressed
        transaction = nil
        if !appendedForSender.isEmpty { appendedForSender = [] }
        if !appendedForRecipient.isEmpty { appendedForRecipient = [] }
    }

    // MARK: Writing

    /// The two who have a message, each with what concerns only them: ids of an archive may be known to its owner alone.
    public enum Side: Sendable {
        case sender
        case recipient
    }

    private(set) var appendedForSender: [@Sendable (inout XMLWriter) -> Void] = []
    private(set) var appendedForRecipient: [@Sendable (inout XMLWriter) -> Void] = []

    /// Writes the stanza as everybody gets it, wherever it goes: with the addresses as they are known now, the language
    /// of its sender's stream, RFC 6120 §4.7.4, and what was appended for that side.
    ///
    /// To be called where the event is handled: on its sender's loop.
    public func write(to writer: inout XMLWriter, for side: Side = .recipient) {
        let appended = side == .sender ? appendedForSender : appendedForRecipient
        if let written, appended.isEmpty { return writer.stanza(written, to: to?.string) }
        writer.stanza(
            stanza.element, from: from.string, to: to?.string, lang: origin?.language,
            appending: appended.isEmpty ? nil : Self.written(appended))
    }

    /// The stanza as it is stored, with its namespace: for a side that nothing was appended for, it is written once.
    public mutating func storedBytes(for side: Side) -> [UInt8] {
        let isPlain = (side == .sender ? appendedForSender : appendedForRecipient).isEmpty
        if isPlain, let stored { return stored }
        var writer = XMLWriter(contentNamespace: .none)
        write(to: &writer, for: side)
        let bytes = Array(writer.finish().readableBytesView)
        if isPlain { stored = bytes }
        return bytes
    }

    private static func written(_ bodies: [@Sendable (inout XMLWriter) -> Void]) -> ByteBuffer {
        var writer = XMLWriter()
        for body in bodies { body(&writer) }
        return writer.finish()
    }

    /// Adds elements behind the stanza's own content, for one side. They are written with it, each time and if at all.
    public mutating func append(for side: Side = .recipient, _ body: @escaping @Sendable (inout XMLWriter) -> Void) {
        switch side {
        case .sender: appendedForSender.append(body)
        case .recipient: appendedForRecipient.append(body)
        }
    }

    /// Removes children that only the server may write.
    mutating func strip(_ rules: ReservedElements) {
        guard stanza.element.hasChild(inOneOf: rules.namespaces) else { return }
        let from = from
        strip { child in rules.rules.contains { child.isIn($0.namespace) && $0.isForged(child, from) } }
    }

    /// Removes children of the stanza. Costs a look at each child if there is nothing to remove.
    mutating func strip(where isUnwanted: @escaping (Element) -> Bool) {
        let element = stanza.element
        guard element.children.contains(where: isUnwanted) else { return }
        rewrite { $0.stanza(element, leavingOut: isUnwanted) }
    }

    /// Replaces the stanza by what `body` writes. If that is none, the former one goes no further: its sender gets an error.
    ///
    /// - Returns: what a handler says that has nothing more to do.
    @discardableResult
    public mutating func rewrite(_ body: (inout XMLWriter) -> Void) -> Verdict {
        var writer = XMLWriter()
        body(&writer)
        written = nil
        stored = nil
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a stanza that was written anew") else {
            isVoid = true
            return .bounce(.internalServerError)
        }
        self.stanza = stanza
        return .go
    }
}
