import XMPPServer

/// Accounts by name, for tests.
extension Administration {
    public func remove(_ name: AccountName) async throws {
        try await remove(account(name))
    }

    public func setPassword(_ password: String?, of name: AccountName) async throws {
        try await setPassword(password, of: account(name))
    }

    public func change(_ name: AccountName, _ changes: AccountChanges) async throws -> AccountInfo {
        try await change(account(name), changes)
    }
}
