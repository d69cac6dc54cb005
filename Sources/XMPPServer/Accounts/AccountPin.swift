/// Keeps an account's record in memory, and its name from the next owner, until it is released: while changes are under way,
/// a record that was read anew would lack them.
public struct AccountPin: Sendable {
    private let record: AccountRecord

    fileprivate init(_ record: AccountRecord) { self.record = record }

    /// What was under way has ended: it can be read back. To be called at the end of whatever holds the pin.
    public func release() { withExtendedLifetime(record) {} }
}

extension AccountRecord {
    /// Pins the record; see `AccountPin`.
    public func pin() -> AccountPin { AccountPin(self) }
}
