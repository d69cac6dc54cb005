import XML
import XMPP

/// An address space beside the accounts: a domain of its own, whose every address it answers for. Rooms are one, and so is
/// an external component.
public protocol Service: AnyObject, Sendable {
    /// Its domain.
    var domain: JID { get }
    /// The host that it belongs to.
    var host: Host { get }
    /// What people read where services are listed; nil: the domain alone.
    var name: String? { get }
    /// The requests that this process answers for it; nil: all of them are answered elsewhere.
    var declarations: Declarations? { get }
    /// What it may do in the name of its host's accounts; nil: nothing.
    var privileges: ComponentPrivileges? { get }

    /// Takes a stanza that was sent to an address of the domain, on the loop of its sender. An IQ of type `get` or `set` has
    /// one child.
    ///
    /// - Returns: `.go`: nobody is at that address, which the sender of a message or request is told.
    func receive(_ event: inout StanzaContext) -> Verdict
    /// The requests to its host, and to the host's accounts, that it answers in their place.
    var delegations: [Delegation] { get }
    /// Answers such a request.
    func answer(delegated request: IQRequest) -> Reply
    /// What it tells service discovery of a kind of request that is delegated to it: an element `query`. nil: it has not said.
    ///
    /// - Parameter ofAccounts: of requests to accounts; otherwise of those to the host.
    func information(about delegation: Delegation, ofAccounts: Bool) -> Element?
    /// The server ends: whoever waits for the service is told.
    func stop() async
}

extension Service {
    public var declarations: Declarations? { nil }
    public var privileges: ComponentPrivileges? { nil }
    public var delegations: [Delegation] { [] }
    public func answer(delegated request: IQRequest) -> Reply { .pass }
    public func information(about delegation: Delegation, ofAccounts: Bool) -> Element? { nil }
}
