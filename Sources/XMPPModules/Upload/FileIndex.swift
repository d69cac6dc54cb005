import XMPP
import XMPPServer

/// What is known of the files that people of a host have uploaded, in the server's storage.
///
/// An account owns what is known of its files, so that it goes with the account. The host owns two maps in which a file is
/// found by its name, and by the time at which it expires; what they have of files that are gone is removed later.
struct FileIndex: Sendable {
    static let fileStore = "upload"
    static let hostStore = "upload-owner"
    /// Items that are read at a time.
    private static let pageSize = 500

    private let host: JID
    private let storage: any Storage
    private let files: MapStore<UploadedFile>
    private let owners: MapStore<FileOwner>

    init(of host: JID, in storage: any Storage) {
        self.host = host
        self.storage = storage
        files = MapStore(Self.fileStore, in: storage)
        owners = MapStore(Self.hostStore, in: storage)
    }

    private func map(of account: JID) -> MapName { files.map("files", of: account) }
    private var byName: MapName { owners.map("files", of: host) }
    private var byExpiry: MapName { owners.map("expiry", of: host) }

    /// Keys in the order in which files expire.
    private static func key(_ time: Timestamp, _ id: FileID?) -> String {
        let digits = String(max(0, time.milliseconds))
        return String(repeating: "0", count: max(0, 15 - digits.count)) + digits + " " + (id?.description ?? "")
    }

    // MARK: Changes

    func adding(_ file: UploadedFile, of account: JID) -> [StorageChange] {
        let owner = FileOwner(account: account.bare, size: file.size)
        var changes = [
            files.putting(file, map(of: account), key: file.id.description),
            owners.putting(owner, byName, key: file.id.description),
        ]
        if let time = file.expiresAt { changes.append(owners.putting(owner, byExpiry, key: Self.key(time, file.id))) }
        return changes
    }

    func removing(_ file: UploadedFile, of account: JID) -> [StorageChange] {
        var changes: [StorageChange] = [
            .removeItem(map(of: account), key: file.id.description),
            .removeItem(byName, key: file.id.description), .removeMap(mentions(of: file.id)),
        ]
        if let time = file.expiresAt { changes.append(.removeItem(byExpiry, key: Self.key(time, file.id))) }
        return changes
    }

    /// Removes what the host knows of a file whose account is gone.
    func forgetting(_ id: FileID) -> [StorageChange] {
        [.removeItem(byName, key: id.description), .removeMap(mentions(of: id))]
    }

    // MARK: Messages

    /// The messages that name a file.
    private func mentions(of id: FileID) -> MapName { owners.map("mentions \(id)", of: host) }

    /// A message names a file.
    ///
    /// - Parameter key: what the message is known by.
    func mentioning(_ id: FileID, in key: String) -> StorageChange {
        owners.putting(FileOwner(account: host, size: 0), mentions(of: id), key: key)
    }

    func forgetting(mentionOf id: FileID, in key: String) -> StorageChange {
        .removeItem(mentions(of: id), key: key)
    }

    /// The keys of messages that name a file.
    func mentions(of id: FileID, atMost count: Int) async throws(StorageError) -> [String] {
        try await owners.page(MapQuery(mentions(of: id), limit: count))?.items.map(\.key) ?? []
    }

    // MARK: Removal

    /// The same of one that has expired.
    func forgetting(_ expiry: Expiry) -> [StorageChange] {
        [.removeItem(byExpiry, key: expiry.key)] + forgetting(expiry.id)
    }

    // MARK: Reading

    /// The file of that name, with its owner.
    func file(_ id: FileID) async throws(StorageError) -> (file: UploadedFile, owner: JID)? {
        guard let owner = try await owners.get(byName, key: id.description),
            let file = try await files.get(map(of: owner.account), key: id.description)
        else { return nil }
        return (file, owner.account)
    }

    /// Whose a file is, though the account may be gone.
    func owner(of id: FileID) async throws(StorageError) -> FileOwner? {
        try await owners.get(byName, key: id.description)
    }

    /// A page of an account's files, the newest first.
    ///
    /// - Parameter id: the file behind which the page begins; nil: the newest is on it.
    func page(of account: JID, behind id: FileID? = nil, limit: Int) async throws(StorageError) -> [UploadedFile] {
        let query = MapQuery(
            map(of: account), position: id.map { .before($0.description) } ?? .last, limit: limit)
        return try await files.page(query)?.items.map(\.value).reversed() ?? []
    }

    /// How many bytes the files of an account have.
    func usage(of account: JID) async throws(StorageError) -> Int {
        try await sum(files, map(of: account)) { $0.size }
    }

    /// How many bytes the files of all accounts have.
    func usage() async throws(StorageError) -> Int {
        try await sum(owners, byName) { $0.size }
    }

    /// An entry of what expires.
    struct Expiry: Sendable {
        let id: FileID
        fileprivate let key: String
    }

    /// Files that had expired at a moment, those first that have been so for longest.
    func expired(at now: Timestamp, atMost count: Int) async throws(StorageError) -> [Expiry] {
        let end = Self.key(Timestamp(milliseconds: now.milliseconds + 1), nil)
        let items = try await owners.page(MapQuery(byExpiry, order: .byKey(), limit: count))?.items ?? []
        return items.prefix { $0.key < end }.compactMap { item in
            FileID(String(item.key.suffix(32))).map { Expiry(id: $0, key: item.key) }
        }
    }

    /// A part of the files, with their owners. Those whose account is gone are among them.
    func owners(prefix: String) async throws(StorageError) -> [FileID: FileOwner] {
        var found: [FileID: FileOwner] = [:]
        _ = try await pages(of: owners, byName, prefix: prefix) { item in
            if let id = FileID(item.key) { found[id] = item.value }
        }
        return found
    }

    private func sum<Value>(
        _ store: MapStore<Value>, _ map: MapName, _ size: (Value) -> Int
    ) async throws(StorageError) -> Int {
        while true {
            var total = 0
            if try await pages(of: store, map, prefix: "", { total += size($0.value) }) { return total }
        }
    }

    /// - Returns: false if it did not get to the end, as the item behind which it would have gone on was removed meanwhile.
    private func pages<Value>(
        of store: MapStore<Value>, _ map: MapName, prefix: String, _ body: (MapItem<Value>) -> Void
    ) async throws(StorageError) -> Bool {
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(map, order: .byKey(prefix: prefix), position: position, limit: Self.pageSize)
            guard let items = try await store.page(query)?.items else { return false }
            items.forEach(body)
            guard let last = items.last, items.count == Self.pageSize else { return true }
            position = .after(last.key)
        }
    }
}
