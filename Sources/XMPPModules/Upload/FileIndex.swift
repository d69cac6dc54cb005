import Crypto
import NIOCore
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
        [.removeItem(map(of: account), key: file.id.description)] + forgetting(file)
    }

    /// Removes what the host knows of a file.
    private func forgetting(_ file: UploadedFile) -> [StorageChange] {
        let changes = forgetting(file.id)
        guard let time = file.expiresAt else { return changes }
        return changes + [.removeItem(byExpiry, key: Self.key(time, file.id))]
    }

    /// Removes what the host knows of a file whose account is gone.
    func forgetting(_ id: FileID) -> [StorageChange] {
        [.removeItem(byName, key: id.description), .removeMap(mentions(of: id))]
    }

    // MARK: Messages

    /// Messages that are noted of a file. One that more messages name stays when they are taken back.
    private static let mostMentions = 20
    /// Stands for the messages beyond; no message has this key.
    private static let more = "more"
    private static let mentionsPrefix = "mentions "

    /// The messages that name a file.
    private func mentions(of id: FileID) -> MapName { owners.map("\(Self.mentionsPrefix)\(id)", of: host) }

    /// By what a message is known. It tells nobody who has written to whom.
    ///
    /// - Parameter name: tells it from all other messages.
    private func key(_ name: String) -> String {
        SHA256.hash(data: Array(name.utf8)).prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func keys(of id: FileID, atMost count: Int) async throws(StorageError) -> [String] {
        try await owners.page(MapQuery(mentions(of: id), limit: count))?.items.map(\.key) ?? []
    }

    /// A message names a file.
    func mentioning(_ id: FileID, in message: String) async throws(StorageError) -> [StorageChange] {
        // Messages that are on their way may be noted beyond the bound, but none is forgotten.
        let isBounded = try await keys(of: id, atMost: Self.mostMentions).count == Self.mostMentions
        let key = isBounded ? Self.more : key(message)
        return [owners.putting(FileOwner(account: host, size: 0), mentions(of: id), key: key)]
    }

    /// A message that named a file is taken back, and another one names it.
    func forgetting(mentionOf id: FileID, in message: String) -> StorageChange {
        .removeItem(mentions(of: id), key: key(message))
    }

    /// Whether no other message names a file.
    func isNamed(_ id: FileID, onlyIn message: String) async throws(StorageError) -> Bool {
        let key = key(message)
        return try await keys(of: id, atMost: 2).allSatisfy { $0 == key }
    }

    /// Removes what names files that are gone: a message may name one while it goes.
    ///
    /// - Parameter known: spares looking for a file that was there a while ago.
    func forgettingMentions(prefix: String, but known: (FileID) -> Bool) async throws(StorageError) -> [StorageChange] {
        let start = "\(Self.mentionsPrefix)\(prefix)"
        var changes: [StorageChange] = []
        var last = start
        while true {
            let names = try await owners.maps(of: host, after: last, atMost: Self.pageSize)
            for name in names where name.hasPrefix(start) {
                // A file that is new now may be named already.
                guard let id = FileID(String(name.dropFirst(Self.mentionsPrefix.count))), !known(id),
                    try await owner(of: id) == nil
                else { continue }
                changes.append(.removeMap(mentions(of: id)))
            }
            guard names.count == Self.pageSize, let name = names.last, name.hasPrefix(start) else { return changes }
            last = name
        }
    }

    // MARK: Removal

    /// The files of an account that is about to go, and what removes them where the host owns it.
    func leaving(with account: JID) async throws(StorageError) -> (files: [UploadedFile], changes: [StorageChange]) {
        while true {
            var all: [UploadedFile] = []
            let isWhole = try await pages(of: files, map(of: account), prefix: "") { all.append($0.value) }
            if isWhole { return (all, all.flatMap(forgetting)) }
        }
    }

    /// The same of one that has expired.
    func forgetting(_ expiry: Expiry) -> [StorageChange] {
        [.removeItem(byExpiry, key: expiry.key)] + forgetting(expiry.id)
    }

    // MARK: Export

    /// Writes what is known of an account's files into a portable export; their bytes are fetched by their addresses.
    @Sendable static func export(
        _ owner: JID, _ storage: any MapStorage & CommitQueue, _ write: (ByteBuffer) async throws -> Void
    ) async throws {
        let store = MapStore<UploadedFile>(fileStore, in: storage)
        var query = MapQuery(store.map("files", of: owner), limit: pageSize)
        while let page = try await store.page(query), let last = page.items.last {
            var writer = XMLWriter(contentNamespace: .none)
            for item in page.items { item.value.write(to: &writer) }
            try await write(writer.finish())
            query.position = .after(last.key)
        }
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

    /// How many files an account has, and their bytes.
    func usage(of account: JID) async throws(StorageError) -> UploadUse {
        while true {
            var use = UploadUse()
            let isWhole = try await pages(of: files, map(of: account), prefix: "") { item in
                use.files += 1
                use.bytes += item.value.size
            }
            if isWhole { return use }
        }
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
        while true {
            var found: [FileID: FileOwner] = [:]
            let isWhole = try await pages(of: owners, byName, prefix: prefix) { item in
                if let id = FileID(item.key) { found[id] = item.value }
            }
            if isWhole { return found }
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

/// Files, and how many bytes they have.
package struct UploadUse: Sendable, Equatable {
    package var files = 0
    package var bytes = 0
}
