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
    /// A service of the host that a module serves.
    public static let service = IQTarget(rawValue: 32)
    /// Any address at all, also one that is not served here.
    public static let anyAddress = IQTarget(rawValue: 16)

    /// Whether there is an address that is in both.
    func overlaps(_ other: IQTarget) -> Bool {
        !isDisjoint(with: other) || contains(.anyAddress) || other.contains(.anyAddress)
    }
}

/// A request that a host answers, in its own name or in that of an account. Who asks may be anybody.
public struct IQRequest: Sendable {
    public enum Kind: UInt8, Sendable {
        case get
        case set
    }

    public let kind: Kind
    /// The child of the stanza that says what is asked.
    public let payload: Element
    public let stanza: Stanza
    /// Who asks.
    public let from: JID
    /// What whoever asks may do.
    public let rights: SessionRights
    /// `nil`: the request had no address.
    public let to: JID?
    public let target: IQTarget
    /// The host that answers.
    public let host: Host
    /// The service that is asked; nil: an account or the host is.
    public let service: (any Service)?
    /// Where the answer goes.
    let origin: any StanzaOrigin

    /// The bare JID whose data is asked for: that of `to`, or the asker's own.
    public var owner: JID { (to ?? from).bare }
    /// Whether the asker's own data is asked for.
    public var isOwn: Bool { owner.isSameBare(as: from) }
    /// What whoever asks may do in the owner's name; nil: nothing.
    public var privileges: ComponentPrivileges? { origin.host === host ? origin.privileges : nil }
    /// Whether a client of this host asks.
    public var isFromClient: Bool { client != nil }
    /// Who asks, for commands; nil: no client asks, or this is not its host.
    public var caller: CommandCall.Caller? { client?.caller }
    /// The same with the asker's session; nil: no client asks, or this is not its host.
    var client: ClientRequest? {
        guard let session = origin.client, session.host === host else { return nil }
        return ClientRequest(request: self, session: session)
    }

    /// Answers the account's owner, and whom the owner's roster allows it; everybody else is refused as if there were no
    /// such account, which takes as long whether there is one or not.
    ///
    /// - Parameters:
    ///   - isAllowed: asked about the asker's place in the owner's roster.
    ///   - refusal: the answer for the others.
    public func answer(
        if isAllowed: @escaping @Sendable (SubscriptionState) -> Bool, else refusal: StanzaError,
        _ body: @escaping @Sendable () -> Reply
    ) -> Reply {
        let allows: @Sendable (AccountRecord?) -> Bool = { [from] account in
            account?.rosterItem(from.bare).map { isAllowed($0.state) } ?? false
        }
        if isOwn || allows(host.accounts.cached(owner)) { return body() }
        return .async { [host, owner] in
            do throws(StorageError) {
                // Read even if the account is in memory: see above.
                guard try await host.storage.account(owner) != nil else { return .error(refusal) }
                return allows(try await host.accounts.load(owner)) ? body() : .error(refusal)
            } catch {
                return .error(host.report(error))
            }
        }
    }
}

/// A request of a client to its own account or its own host, with its session.
@dynamicMemberLookup
public struct ClientRequest: Sendable {
    public let request: IQRequest
    /// The session that asks.
    public let session: ClientSession
    /// Who asks, for commands.
    public var caller: CommandCall.Caller { .account(session.record, request.host, request.rights, session) }
    /// The asker's account.
    public var record: AccountRecord { session.record }

    public subscript<Value>(dynamicMember path: KeyPath<IQRequest, Value>) -> Value { request[keyPath: path] }

    /// Changes what the asker's account has stored and, in the same order, what is in memory of it; answers when that is
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
        let (pin, host) = (record.pin(), request.host)
        host.storage.submit(changes) { result in
            if case .success = result { apply(true) } else { apply(false) }
            commit.finish(result)
            pin.release()
        }
        return .async {
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
