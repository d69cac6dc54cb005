/// An account as a stream has it from the look-up of its sign-in on.
struct OpenedAccount: Sendable {
    let record: AccountRecord
    /// The secrets that were looked at: if others take their place before the session is bound, it is not.
    let secrets: Int

    /// The account as it is now.
    init(_ record: AccountRecord) {
        self.record = record
        secrets = record.secretsVersion
    }
}
