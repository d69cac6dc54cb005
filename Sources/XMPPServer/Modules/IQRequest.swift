import XML
import XMPP
import XMPPStream

/// The addresses for which an IQ handler answers, RFC 6121 §8.
public struct IQTarget: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The host itself.
    public static let server = IQTarget(rawValue: 1)
    /// The sender's own account: no address, or the sender's bare JID.
    public static let ownAccount = IQTarget(rawValue: 2)
    /// The bare JID of another account of the host.
    public static let account = IQTarget(rawValue: 4)
    /// A full JID of an account of the host, in place of its session.
    public static let session = IQTarget(rawValue: 8)
    /// Any address at all, also one that is not served here.
    public static let anyAddress = IQTarget(rawValue: 16)

    /// Whether there is an address that is in both.
    func overlaps(_ other: IQTarget) -> Bool {
        !isDisjoint(with: other) || contains(.anyAddress) || other.contains(.anyAddress)
    }
}

/// A request that a module answers.
public struct IQRequest: Sendable {
    public enum Kind: UInt8, Sendable {
        case get
        case set
    }

    public let kind: Kind
    /// The child of the stanza that says what is asked.
    public let payload: Element
    public let stanza: Stanza
    /// The session that asks.
    public let session: ClientSession
    /// `nil`: the request had no address.
    public let to: JID?
    public let target: IQTarget
    public let host: Host

    /// Who asks: a full JID.
    public var from: JID { session.jid }
    /// The bare JID whose data is asked for: that of `to`, or the sender's own.
    public var owner: JID { to?.bare ?? session.record.jid }

    /// Changes what the sender's account has stored and, in the same order, what is in memory of it; answers when that is
    /// durable.
    ///
    /// - Parameters:
    ///   - apply: changes what is in memory; called with whether the changes have been stored, on a thread of the
    ///     storage's.
    ///   - then: called before the answer, if they have been.
    public func commit(
        _ changes: [StorageChange], apply: @escaping @Sendable (_ isStored: Bool) -> Void,
        then: @escaping @Sendable () -> Void = {}
    ) -> Reply {
        let commit = Commit()
        let record = session.record
        host.storage.submit(changes) { result in
            if case .success = result { apply(true) } else { apply(false) }
            // It keeps the record in its table until the change can be read back.
            withExtendedLifetime(record) { commit.finish(result) }
        }
        return .async { [host] in
            do throws(StorageError) {
                try await commit.wait()
                then()
                return .ok
            } catch {
                return .error(host.report(error))
            }
        }
    }
}

/// What a handler answers.
public enum Reply: Sendable {
    /// An empty result.
    case ok
    /// A result with what the closure writes as payload.
    case result(@Sendable (inout XMLWriter) -> Void)
    /// The same behind so many stanzas of their own: the first closure sends each, by its index, on the session's loop, when
    /// the client has taken those before it.
    case preceded(
        by: Int, @Sendable (_ index: Int, ClientSession) -> Void, @Sendable (inout XMLWriter) -> Void)
    case error(StanzaError)
    /// An empty result, behind which the stream ends with the error.
    case last(StreamError)
    /// Not mine after all: as if there were no handler.
    case pass
    /// The answer has to be waited for; requests behind it do not wait. It must come within `Host.iqTime`.
    case async(@Sendable () async -> Reply)
}
