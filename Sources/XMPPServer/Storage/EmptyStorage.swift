import XMPP
import XMPPStream

/// A storage without content; a conforming type overrides the methods that it needs.
protocol EmptyStorage: Storage {}

extension EmptyStorage {
    func account(_ jid: JID) async throws(StorageError) -> Account? { nil }
    func account(host: String, accountID: String) async throws(StorageError) -> Account? { nil }
    func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount? { nil }
    func accounts(host: String?) async throws(StorageError) -> [Account] { [] }
    func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential] { [] }
    func token(digest: [UInt8]) async throws(StorageError) -> Token? { nil }
    func tokens(of jid: JID) async throws(StorageError) -> [Token] { [] }
    func hasTokens(host: String) async throws(StorageError) -> Bool { false }
    func grant(_ id: String) async throws(StorageError) -> Grant? { nil }
    func grant(refreshFamily: [UInt8]) async throws(StorageError) -> Grant? { nil }
    func grants(of jid: JID) async throws(StorageError) -> [Grant] { [] }
    func grants(host: String, app: String) async throws(StorageError) -> [Grant] { [] }
    func roster(of jid: JID) async throws(StorageError) -> StoredRoster { StoredRoster() }
    func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]? { nil }
    func values(_ store: String, _ owner: JID) async throws(StorageError) -> [String: [UInt8]] { [:] }
    func stores(of owner: JID) async throws(StorageError) -> [String] { [] }
    func accountsWithSessions(host: String) async throws(StorageError) -> [JID] { [] }
    func archived(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveEntry] { [] }
    func archivedCount(_ query: ArchiveQuery) async throws(StorageError) -> Int { 0 }
    func archiveSecret() async throws(StorageError) -> [UInt8] { [] }
    func archiveCollections(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveCollection] { [] }
    func archivesOver(
        _ limits: ArchiveLimits, after owner: JID?, atMost count: Int
    ) async throws(StorageError) -> ArchiveSurplus { ArchiveSurplus(surplus: [], last: nil) }
    func indexArchive(host: String, before end: ArchiveID, atMost count: Int) async throws(StorageError) -> Bool {
        true
    }
    func mapItems(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<[UInt8]>] { [] }
    func mapPage(_ query: MapQuery) async throws(StorageError) -> MapPage<[UInt8]>? {
        MapPage(items: [], count: 0, index: nil)
    }
    func maps(
        of owner: JID, store: String, after name: String?, atMost count: Int
    ) async throws(StorageError) -> [String] { [] }
    func archivePeers(
        collection: String, owner: JID, newest limit: Int
    ) async throws(StorageError) -> [ArchivePeer] { [] }
    func newestArchiveID() async throws(StorageError) -> ArchiveID? { nil }

    var isCrowded: Bool { false }
    func room() async {}
    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?
    ) {
        completion?(.failure(StorageError(.unavailable, "nothing is stored here")))
    }

    func flush() async {}
    var schemaVersion: Int { 0 }
    func integrityCheck() async throws(StorageError) -> [String] { [] }
    func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError) {
        throw StorageError(.unavailable, "nothing is stored here")
    }
    func close() async -> StorageError? { nil }
}
