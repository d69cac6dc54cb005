import XMPP
import XMPPStream

extension PersonalData {
    /// Stores of the core.
    static let ofCore = [
        // Exported in other words, see `Host.clients`.
        PersonalData(store: Device.storeName, .secret, endsWithPassword: true),
        // Exported within the vCard.
        PersonalData(store: AccountPhoto.store, .secret),
    ]

    /// The values about an account, by key.
    func values(of account: JID, on host: Host) async throws(StorageError) -> [String: [UInt8]] {
        guard let isAbout else { return try await host.storage.values(store, account) }
        return try await host.storage.values(store, host.jid).filter { isAbout($0.value, account, host) }
    }
}

extension Host {
    /// The photo of an account; nil: it has none, or a damaged one, which is logged.
    public func photo(of account: JID) async throws(StorageError) -> AccountPhoto? {
        try await storage.value(AccountPhoto.store, account, key: "").flatMap {
            value(fromOwn: $0, of: AccountPhoto.store)
        }
    }

    /// The changes that remove an account: the one way in which accounts are removed.
    func changes(removing account: JID) async throws(StorageError) -> [StorageChange] {
        await storage.flush()
        var changes = [StorageChange.removeAccount(account)]
        for data in personalData where data.isAbout != nil {
            for key in try await data.values(of: account.bare, on: self).keys {
                changes.append(.removeValue(store: data.store, owner: jid, key: key))
            }
        }
        for removal in personalData.compactMap(\.removal) { changes += try await removal(account.bare, self) }
        return changes
    }

    /// The changes for a new password.
    func changes(settingCredentials credentials: [SCRAMCredential], of account: JID) -> [StorageChange] {
        [.setCredentials(account, credentials), .removeTokens(account)]
            + personalData.filter(\.endsWithPassword).map { .removeValues(store: $0.store, owner: account) }
    }
}
