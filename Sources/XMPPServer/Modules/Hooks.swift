import NIOCore
import XML
import XMPP
import XMPPStream

/// The hook points of the server itself.
public enum Hooks {
    /// A client sent a message.
    public static let messageFromClient = HookPoint<StanzaContext>("messageFromClient")
    /// A message has reached its recipient's host. The core delivers it between the phases `copy` and `fallback`;
    /// `fallback` runs if no session took it.
    public static let messageToAccount = HookPoint<StanzaContext>("messageToAccount")
    /// A client's message was delivered, stored or silently dropped: for the sender's archive and copies. Runs on the
    /// sender's host; handlers do not wait and refuse nothing.
    public static let messageAccepted = HookPoint<StanzaContext>("messageAccepted")
    /// A client sent presence, to an address or, without one, as a broadcast.
    public static let presenceFromClient = HookPoint<StanzaContext>("presenceFromClient")
    /// A message has reached a module's service; declared with the service.
    public static let messageToService = HookPoint<StanzaContext>("messageToService")
    /// Presence has reached a module's service.
    public static let presenceToService = HookPoint<StanzaContext>("presenceToService")
    /// An IQ has reached a module's service that no handler of it answers, or the answer to one that it has passed on.
    public static let iqToService = HookPoint<StanzaContext>("iqToService")
    /// Presence has reached its recipient's host.
    public static let presenceToAccount = HookPoint<StanzaContext>("presenceToAccount")
    /// A client sent an IQ.
    public static let iqFromClient = HookPoint<StanzaContext>("iqFromClient")
    /// Another entity's request to an account, which the host answers for the account. While a handler waits, the asker's
    /// further stanzas do not.
    public static let iqToAccount = HookPoint<StanzaContext>("iqToAccount")
    /// An IQ to a session.
    public static let iqToSession = HookPoint<StanzaContext>("iqToSession")
    /// A message could not be delivered to a client now: it was stored offline, or waits for a session whose client is
    /// disconnected or inactive.
    public static let messageKept = HookPoint<KeptMessage>("messageKept")
    /// A resource has been bound.
    public static let sessionBound = HookPoint<SessionEvent>("sessionBound")
    /// A session of an earlier process was restored, with its presence and flags.
    public static let sessionRestored = HookPoint<SessionEvent>("sessionRestored")
    /// A session has been resumed.
    public static let sessionResumed = HookPoint<SessionEvent>("sessionResumed")
    /// A session has ended, and is in no table any more.
    public static let sessionEnded = HookPoint<SessionEvent>("sessionEnded")
    /// An administrator or the owner changed an account's settings. Changes of one account come in the order of their
    /// commits, on a thread of the storage.
    public static let accountChanged = HookPoint<AccountEvent>("accountChanged")
    /// An account was added.
    public static let accountAdded = HookPoint<AccountEvent>("accountAdded")
    /// An account was removed. Handlers release its record, as the name cannot be used again before.
    public static let accountRemoved = HookPoint<AccountEvent>("accountRemoved")
    /// The password of an account was changed or removed; grants and tokens are void.
    public static let credentialsChanged = HookPoint<CredentialsEvent>("credentialsChanged")
    /// A grant or a token is about to be revoked.
    public static let accessRevoked = HookPoint<AccessEvent>("accessRevoked")
    /// A subscription request was answered outside of a client, such as on a web page.
    public static let invitationAnswered = HookPoint<InvitationAnswer>("invitationAnswered")
    /// An external component has connected, and knows its privileges.
    public static let componentConnected = HookPoint<ComponentEvent>("componentConnected")
    /// An administrator changed a contact in an account's roster, without a client's stanza.
    public static let rosterChanged = HookPoint<RosterEvent>("rosterChanged")
}

/// A message that is stored for later, see `Hooks.messageKept`.
public struct KeptMessage: Sendable {
    /// The message as it will be delivered.
    public let message: Element
    /// The sender.
    public let from: JID
    /// The recipient's account.
    public let account: AccountRecord
    /// The session that it waits for, whose connection is lost or whose client is inactive; nil: it is stored offline.
    public let session: ClientSession?
    public let host: Host
    /// For further steps of its trace.
    public let mark: TracePoint?

    public init(
        message: Element, from: JID, account: AccountRecord, session: ClientSession? = nil, host: Host,
        mark: TracePoint? = nil
    ) {
        self.mark = mark
        self.message = message
        self.from = from
        self.account = account
        self.session = session
        self.host = host
    }
}

/// A session that begins or ends.
public struct SessionEvent: Sendable {
    public let session: ClientSession
    public let host: Host
    /// How it ended; nil if it begins.
    public let end: StreamEnd?

    public init(session: ClientSession, host: Host, end: StreamEnd? = nil) {
        self.session = session
        self.host = host
        self.end = end
    }
}

/// An account that was added, changed or removed.
public struct AccountEvent: Sendable {
    /// With its changes, or as it was at its removal.
    public let account: Account
    public let host: Host
}

/// An account whose password changed.
public struct CredentialsEvent: Sendable {
    public let account: AccountRecord
    /// The session that made the change and continues; nil: none.
    public let sparing: ClientSession?
    public let host: Host
}

/// Access that is revoked.
public struct AccessEvent: Sendable {
    public let account: AccountRecord
    /// The revoked grant of an app; nil: a single token is revoked.
    public let grant: Grant?
    /// SHA-256 of the token's text; nil: the whole grant is revoked.
    public let token: [UInt8]?
    public let host: Host

    /// Whether what was opened with that token is revoked.
    public func isAbout(_ token: VerifiedToken) -> Bool {
        if let grant { return token.grant == grant.id }
        return token.digest == self.token
    }
}

/// A changed contact of an account.
public struct RosterEvent: Sendable {
    public let account: AccountRecord
    public let change: RosterChange
    public let host: Host

    public init(account: AccountRecord, change: RosterChange, host: Host) {
        self.account = account
        self.change = change
        self.host = host
    }
}

/// An answer to a contact's subscription request, RFC 6121 §3.1.4.
public struct InvitationAnswer: Sendable {
    public let account: AccountRecord
    /// The contact that asked; a bare JID.
    public let contact: JID
    public let accepts: Bool
    public let host: Host

    public init(account: AccountRecord, contact: JID, accepts: Bool, host: Host) {
        self.account = account
        self.contact = contact
        self.accepts = accepts
        self.host = host
    }
}
