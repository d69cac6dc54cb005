/// An account as it was when somebody showed a secret of its owner's, or the owner agreed to something: what follows from
/// that is good as long as the account is there and has the same secrets (`Host.isCurrent`).
public struct OpenedAccount: Sendable {
    public let record: AccountRecord
    /// The secrets that were looked at.
    let secrets: Int

    /// The account as it is now.
    public init(_ record: AccountRecord) {
        self.record = record
        secrets = record.secretsVersion
    }
}

extension Host {
    /// Whether an account is still there, may be signed in to, and has the secrets that it had when it was opened. False from
    /// the moment on in which a change of the password, or the removal of the account, begins.
    public func isCurrent(_ account: OpenedAccount) -> Bool {
        accounts.cached(account.record.jid) === account.record && account.record.account.isEnabled
            && account.record.hasSecrets(ofVersion: account.secrets)
    }
}
