import Logging
import NIOCore
import Synchronization
import XMPPServer

/// The uploaded files of a host: what is known of them, their bytes, and the slots for those to come.
package final class UploadedFiles: Sendable {
    /// What the paths of all files begin with.
    package static let path = "/upload/"
    /// Files that are removed in one go.
    private static let batch = 500
    /// Parts of the files that are looked at in one go.
    private static let prefixesInOneGo = 8

    package let host: Host
    let index: FileIndex
    private let settings: UploadSettings
    private let slots = UploadSlots()
    let store: any FileStore
    let quotas: KeyedStore<UploadQuota>
    private let site = Mutex<WebAddress?>(nil)

    private let total = UploadTotal()
    /// Changes of an account's files follow each other, so that each look at how many there are is right until the change
    /// that it is for.
    private let turns = OneAtATime<JID>()

    /// A file that goes with a commit that is under way.
    private struct Leaving {
        let owner: JID
        let size: Int
    }

    private let leaving = Mutex<[FileID: Leaving]>([:])
    /// Which part of the files is looked at next.
    private let next = Atomic<Int>(0)

    init(of host: Host, _ settings: UploadSettings) {
        self.host = host
        self.settings = settings
        index = FileIndex(of: host.jid, in: host.storage)
        quotas = KeyedStore(UploadQuota.storeName, in: host.storage)
        if let s3 = settings.s3 {
            store = S3FileStore(s3, folder: host.domain, now: Timestamp.now)
        } else {
            let directory =
                settings.directory.hasPrefix("/")
                ? settings.directory : "\(host.administration?.dataDirectory ?? ".")/\(settings.directory)"
            store = LocalFileStore(directory: "\(directory)/\(host.domain)")
        }
    }

    /// Where files are sent and fetched; nil: the host is not on the web.
    package var address: WebAddress? { settings.address ?? site.withLock { $0 } }

    /// The host is on the web, at that address.
    package func opened(at address: WebAddress) { site.withLock { $0 = address } }

    // MARK: Room

    /// Opens a slot, if its file may be uploaded.
    func open(_ slot: UploadSlot) async throws(StorageError) -> Bool {
        if total.bytes == nil { try await countAll() }
        let account = slot.account.jid
        return try await turns.run(for: account) { () async throws(StorageError) in
            let used = try await usage(of: account)
            let free = UploadUse(
                files: settings.files - used.files, bytes: try await quota(of: account) - used.bytes)
            return slots.open(
                slot, free: free, freeInAll: settings.totalQuota - (total.bytes ?? 0), now: host.now())
        }
    }

    /// How many files an account has, and their bytes.
    package func usage(of account: JID) async throws(StorageError) -> UploadUse { try await index.usage(of: account) }

    /// How many bytes they may have.
    package func quota(of account: JID) async throws(StorageError) -> Int {
        try await quotas.get(account)?.bytes ?? settings.quota
    }

    /// Whether a file is announced that is not stored yet.
    func expects(_ id: FileID) -> Bool { slots.expects(id) }

    private func countAll() async throws(StorageError) {
        for (part, prefix) in FileID.prefixes.enumerated() {
            try await total.count(part, unlessCounted: true) { () async throws(StorageError) in
                try await index.owners(prefix: prefix)
            }
        }
    }

    // MARK: Uploads

    package func takeSlot(_ secret: String) -> UploadSlots.Finding { slots.take(secret, now: host.now()) }

    package func giveBack(_ slot: UploadSlot) { slots.giveBack(slot) }

    /// Stores a file. It can be fetched, and is durable, when this returns.
    ///
    /// - Throws: `FileStoreError`, `StorageError`, or what the body throws.
    package func store<Body: AsyncSequence & Sendable>(_ body: Body, for slot: UploadSlot) async throws
    where Body.Element == ByteBuffer {
        let head = UploadHead()
        var file = slot.file
        try await store.put(file.id, size: file.size, UploadBody(body, of: slot, head: head))
        file.type = ContentType(of: head.bytes)
        do {
            try await add(file, for: slot)
        } catch {
            try await store.remove(file.id)
            throw error.kind == .notFound ? FileStoreError.withoutOwner : error
        }
    }

    private func add(_ file: UploadedFile, for slot: UploadSlot) async throws(StorageError) {
        let owner = slot.account.jid
        try await turns.run(for: owner) { () async throws(StorageError) in
            // The update changes nothing: with it the group fails if there is no such account any more.
            try await host.storage.commit([.updateAccount(owner, AccountUpdate())] + index.adding(file, of: owner))
            total.add(file.id, size: file.size)
            slots.remove(slot)
        }
    }

    // MARK: Fetching

    /// A page of an account's files, the newest first.
    ///
    /// - Parameter id: the file behind which the page begins; nil: the newest is on it.
    package func page(of account: JID, behind id: FileID?, limit: Int) async throws(StorageError) -> [UploadedFile] {
        try await index.page(of: account, behind: id, limit: limit)
    }

    /// The file, unless it is gone or has expired.
    package func file(_ id: FileID) async throws(StorageError) -> UploadedFile? {
        guard let file = try await index.file(id)?.file, !file.isExpired(host.now()) else { return nil }
        return file
    }

    /// The file, if it is the account's.
    package func file(_ id: FileID, of account: JID) async throws(StorageError) -> UploadedFile? {
        guard let (file, owner) = try await index.file(id), owner == account.bare else { return nil }
        return file
    }

    package func write(_ file: UploadedFile, _ range: Range<Int>, to sink: any FileSink) async throws {
        try await store.write(file.id, range, to: sink)
    }

    // MARK: Removal

    /// Removes a file. Nobody can fetch it any more when this returns.
    package func remove(_ file: UploadedFile, of account: JID) async throws {
        try await turns.run(for: account) { () async throws(StorageError) in
            // Somebody else may have been faster.
            guard try await index.owner(of: file.id) != nil else { return }
            try await host.storage.commit(index.removing(file, of: account))
            total.remove(file.id, size: file.size)
            leaving.withLock { $0[file.id] = nil }
        }
        try await store.remove(file.id)
    }

    /// What is known of a file goes with a commit that is under way. Its bytes go when that is durable.
    func willBeRemoved(_ file: UploadedFile, of account: JID) {
        leaving.withLock { $0[file.id] = Leaving(owner: account, size: file.size) }
    }

    private func removeLeaving() async throws {
        await host.storage.flush()
        for (id, file) in leaving.withLock({ $0 }) {
            let isGone = try await turns.run(for: file.owner) { () async throws(StorageError) in
                let isGone = try await index.file(id) == nil
                // Nobody else has counted it meanwhile, and the commit has not failed.
                if leaving.withLock({ $0.removeValue(forKey: id) }) != nil, isGone { total.remove(id, size: file.size) }
                return isGone
            }
            if isGone { try await store.remove(id) }
        }
    }

    /// Removes what nobody owns, a part of the files at a time: what a process has left that was killed.
    @Sendable func tidy() async {
        do {
            try await store.removeDrafts()
            let start = next.add(Self.prefixesInOneGo, ordering: .relaxed).oldValue
            for part in start..<(start + Self.prefixesInOneGo) { try await tidy(part % FileID.prefixes.count) }
        } catch {
            report(error)
        }
    }

    /// Where the bytes of a file are missing it stays known: that may be the store's fault.
    private func tidy(_ part: Int) async throws {
        let prefix = FileID.prefixes[part]
        let owners = try await index.owners(prefix: prefix)
        for id in try await store.list(prefix: prefix).keys where owners[id] == nil && !expects(id) {
            try await removeAbandoned(id)
        }
        for id in owners.keys where !expects(id) { try await removeAbandoned(id) }
        try await host.storage.commit(index.forgettingMentions(prefix: prefix) { owners[$0] != nil })
        try await total.count(part) { () async throws(StorageError) in try await index.owners(prefix: prefix) }
    }

    /// Removes files whose time is over.
    @Sendable func removeExpired() async {
        slots.removeExpired(host.now())
        do {
            try await removeLeaving()
            for expiry in try await index.expired(at: host.now(), atMost: Self.batch) {
                if let (file, owner) = try await index.file(expiry.id) {
                    try await remove(file, of: owner)
                } else {
                    try await removeAbandoned(expiry.id)
                    try await host.storage.commit(index.forgetting(expiry))
                }
            }
        } catch {
            report(error)
        }
    }

    /// What is known of the files went with the account, so that nobody can fetch them; now their bytes go.
    func accountRemoved(_ account: JID) {
        slots.removeAll(of: account)
        Task {
            do {
                try await removeLeaving()
            } catch {
                report(error)
            }
        }
    }

    /// Removes a file that no account owns, if it is such a one.
    func removeAbandoned(_ id: FileID) async throws {
        guard try await index.file(id) == nil else { return }
        try await store.remove(id)
        guard let owner = try await index.owner(of: id) else { return }
        try await turns.run(for: owner.account) { () async throws(StorageError) in
            guard let owner = try await index.owner(of: id), try await index.file(id) == nil else { return }
            try await host.storage.commit(index.forgetting(id))
            total.remove(id, size: owner.size)
        }
    }

    package func report(_ error: any Error) {
        if let error = error as? StorageError {
            _ = host.report(error)
        } else {
            host.logger.error("file store failed", metadata: ["error": "\(error)"])
        }
    }
}
