import XML
import XMPP
import XMPPStream

/// The addresses that an IQ handler answers for, RFC 6121 §8.
public struct IQTarget: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The host itself.
    public static let server = IQTarget(rawValue: 1)
    /// The sender's own account: no address, or the sender's bare JID.
    public static let ownAccount = IQTarget(rawValue: 2)
    /// The bare JID of another account of the host.
    public static let account = IQTarget(rawValue: 4)
    /// A full JID of an account of the host, instead of its session.
    public static let session = IQTarget(rawValue: 8)
    /// A service of the host that a module provides.
    public static let service = IQTarget(rawValue: 32)
    /// Any address, including remote ones.
    public static let anyAddress = IQTarget(rawValue: 16)

    /// Whether both contain a common address.
    func overlaps(_ other: IQTarget) -> Bool {
        !isDisjoint(with: other) || contains(.anyAddress) || other.contains(.anyAddress)
    }
}

/// A request that a host answers, for itself or for an account. The asker may be anybody.
public struct IQRequest: Sendable {
    public enum Kind: UInt8, Sendable {
        case get
        case set
    }

    public let kind: Kind
    /// The child element of the stanza.
    public let payload: Element
    public let stanza: Stanza
    /// The asker.
    public let from: JID
    /// What the asker may do.
    public let rights: SessionRights
    /// nil: the request had no address.
    public let to: JID?
    public let target: IQTarget
    /// The host that answers.
    public let host: Host
    /// The addressed service; nil: an account or the host is addressed.
    public let service: (any Service)?
    /// Takes the answer.
    let origin: any StanzaOrigin

    /// The bare JID whose data are asked for: that of `to`, otherwise the asker's.
    public var owner: JID { (to ?? from).bare }
    /// Whether the asker asks for its own data.
    public var isOwn: Bool { owner.isSameBare(as: from) }
    /// What the asker may do in the owner's name; nil: nothing.
    public var privileges: ComponentPrivileges? { origin.host === host ? origin.privileges : nil }
    /// Whether a client of this host asks.
    public var isFromClient: Bool { client != nil }
    /// The caller for commands; nil: the asker is no client of this host.
    public var caller: CommandCall.Caller? { client?.caller }
    /// The request with the asker's account; nil: the asker is no account of this host, and asks in the name of none.
    var account: AccountRequest? {
        guard origin.host === host, let record = origin.account else { return nil }
        return AccountRequest(request: self, record: record, session: origin.client)
    }
    /// The request with the asker's session; nil: the asker is no client of this host.
    var client: ClientRequest? {
        guard let account, let session = account.session else { return nil }
        return ClientRequest(account: account, session: session)
    }

    /// Answers the account's owner, and askers whom the owner's roster allows. Others are refused as if the account did
    /// not exist, after the same time whether it exists or not.
    ///
    /// - Parameters:
    ///   - isAllowed: tested with the asker's subscription state in the owner's roster.
    ///   - refusal: the answer for others.
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
                // Read even if the account is in memory, for the same time.
                guard try await host.storage.account(owner) != nil else { return .error(refusal) }
                return allows(try await host.accounts.load(owner)) ? body() : .error(refusal)
            } catch {
                return .error(host.report(error))
            }
        }
    }
}

/// A request of an account to itself or to its host, from one of its clients or from a component in the account's name.
@dynamicMemberLookup
public struct AccountRequest: Sendable {
    public let request: IQRequest
    /// The asker's account.
    public let record: AccountRecord
    /// The asking session; nil: a component asks.
    public let session: ClientSession?

    public subscript<Value>(dynamicMember path: KeyPath<IQRequest, Value>) -> Value { request[keyPath: path] }

    /// Changes the account's stored data and, in the same order, their copy in memory; answers when the change is
    /// durable.
    ///
    /// - Parameters:
    ///   - apply: changes the copy in memory; called with whether the changes were stored, on a thread of the storage.
    ///   - then: called before the answer if the changes were stored.
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

/// A request of a client to its own account or host, for handlers that need its session.
@dynamicMemberLookup
public struct ClientRequest: Sendable {
    public let account: AccountRequest
    /// The asking session.
    public let session: ClientSession
    /// The caller for commands.
    public var caller: CommandCall.Caller {
        .account(account.record, account.request.host, account.request.rights, session)
    }

    public subscript<Value>(dynamicMember path: KeyPath<AccountRequest, Value>) -> Value { account[keyPath: path] }
}

/// A handler's reply.
public enum Reply: Sendable {
    /// Writes an element.
    public typealias Content = @Sendable (inout XMLWriter) -> Void

    /// An empty result.
    case ok
    /// A result with a payload that the closure writes.
    case result(Content)
    /// The same after a number of messages: the first closure says how each is written, by index, when the asker has
    /// taken those before it; nil: it is left out.
    case preceded(by: Int, @Sendable (_ index: Int) -> Content?, Content)
    case error(StanzaError)
    /// An empty result, after which the stream ends with the error.
    case last(StreamError)
    /// No reply, as if there were no handler.
    case pass
    /// A reply that comes later; the session's next requests do not wait for it. It must come within `Host.iqTime`.
    case async(@Sendable () async -> Reply)
}
