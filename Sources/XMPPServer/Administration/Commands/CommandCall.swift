import XMPP

/// Who asks for a command, and what for.
public struct CommandCall: Sendable {
    /// Who asks.
    public enum Caller: Sendable {
        /// Whoever runs the server: the command line.
        case operatorOfServer
        /// An account, with the rights of what it has signed in by, and with its session if it has one.
        case account(AccountRecord, Host, SessionRights, ClientSession?)
    }

    /// The parameter that names a host.
    static let host = "host"

    public let caller: Caller
    /// What the caller may manage: hosts and accounts of others are not to be found in it.
    public let administration: Administration
    let arguments: [String: CommandValue]

    /// The host that the caller names, as it was written.
    var hostName: String? { arguments[Self.host]?.text }

    /// The session that asks; nil: none does.
    public var session: ClientSession? {
        if case .account(_, _, _, let session) = caller { session } else { nil }
    }
}

extension CommandCall.Caller {
    /// Whether the caller may ask for a command, as of now.
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

    /// Asked anew each time: whoever is an administrator no longer has the right no longer.
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
