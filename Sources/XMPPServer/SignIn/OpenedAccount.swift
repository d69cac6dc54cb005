/// An account with the version of its credentials at sign-in or consent. What was derived from it is valid while the
/// account exists with the same credentials (`Host.isCurrent`).
public struct OpenedAccount: Sendable {
    public let record: AccountRecord
    /// The version of the credentials.
    let secrets: Int

    /// The account as it is now.
    public init(_ record: AccountRecord) {
        self.record = record
        secrets = record.secretsVersion
    }
}

extension Host {
    /// Whether an account still exists, is enabled, and has the same credentials. False from the beginning of a change
    /// of its password, or of its removal.
    public func isCurrent(_ account: OpenedAccount) -> Bool {
        accounts.cached(account.record.jid) === account.record && account.record.account.isEnabled
            && account.record.hasSecrets(ofVersion: account.secrets)
    }
}
