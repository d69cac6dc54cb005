import XMPP

/// A call of a command: the caller and the arguments.
public struct CommandCall: Sendable {
    /// Who calls a command.
    public enum Caller: Sendable {
        /// The operator of the server, by the command line.
        case operatorOfServer
        /// An account, with the rights of its sign-in, and its session if it has one.
        case account(AccountRecord, Host, SessionRights, ClientSession?)
    }

    /// The parameter that names a host.
    static let host = "host"

    public let caller: Caller
    /// Limited to the hosts and accounts that the caller may manage.
    public let administration: Administration
    let arguments: [String: CommandValue]

    /// The host in the arguments, as given.
    var hostName: String? { arguments[Self.host]?.text }

    /// The calling session; nil: there is none.
    public var session: ClientSession? {
        if case .account(_, _, _, let session) = caller { session } else { nil }
    }
}

extension CommandCall.Caller {
    /// Whether the caller may use a command at this moment.
    ///
    /// - Parameter domains: those of all hosts.
    public func may(_ command: Command, domains: [String]) -> Bool {
        switch self {
        case .operatorOfServer:
            if case .person = command.audience { false } else { true }
        case .account(let record, let host, let rights, let session):
            switch command.audience {
            case .person(let needed): session != nil && rights.isSuperset(of: needed)
            case .administrator: isAdministrator(record, host, rights)
            case .serverAdministrator: domains == [host.domain] && isAdministrator(record, host, rights)
            case .operatorOfServer: false
            }
        }
    }

    /// Checked for each call, so that the loss of the role takes effect at once.
    private func isAdministrator(_ record: AccountRecord, _ host: Host, _ rights: SessionRights) -> Bool {
        guard rights.contains(.administer), host.accounts.cached(record.jid) === record else { return false }
        let account = record.account
        return account.isAdministrator && account.isEnabled
    }

    /// The name for the log.
    var name: String {
        switch self {
        case .operatorOfServer: "operator"
        case .account(let record, _, _, _): record.jid.string
        }
    }
}
