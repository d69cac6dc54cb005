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

    private struct Usage {
        /// Bytes of all files; nil: that is not known yet.
        var total: Int?
        /// Files that go with commits that are under way, with their sizes.
        var leaving: [FileID: Int] = [:]
        /// Whose files are to be removed.
        var removed: Set<JID> = []
    }

    private let usage = Mutex(Usage())
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
        let used = try await usage(of: slot.account.jid)
        let quota = try await quota(of: slot.account.jid)
        let usedInAll = try await usageInAll()
        return slots.open(slot, free: quota - used, freeInAll: settings.totalQuota - usedInAll, now: host.now())
    }

    /// How many bytes the files of an account have.
    package func usage(of account: JID) async throws(StorageError) -> Int { try await index.usage(of: account) }

    /// How many they may have.
    package func quota(of account: JID) async throws(StorageError) -> Int {
        try await quotas.get(account)?.bytes ?? settings.quota
    }

    /// Whether a file is announced that is not stored yet.
    func expects(_ id: FileID) -> Bool { slots.expects(id) }

    /// Counted once; from then on what changes is.
    private func usageInAll() async throws(StorageError) -> Int {
        if let total = usage.withLock({ $0.total }) { return total }
        let counted = try await index.usage()
        return usage.withLock { usage in
            let total = usage.total ?? counted
            usage.total = total
            return total
        }
    }

    private func count(_ bytes: Int) { usage.withLock { $0.total = $0.total.map { max(0, $0 + bytes) } } }

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
            guard !slot.isVoid else { throw FileStoreError.missing }
            try await host.storage.commit(index.adding(file, of: slot.account.jid))
        } catch {
            try await store.remove(file.id)
            throw error
        }
        count(file.size)
        slots.remove(slot)
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
        try await host.storage.commit(index.removing(file, of: account))
        count(-file.size)
        try await store.remove(file.id)
    }

    /// What is known of a file goes with a commit that is under way. Its bytes go when that is durable.
    func willBeRemoved(_ file: UploadedFile) { usage.withLock { $0.leaving[file.id] = file.size } }

    private func removeLeaving() async throws {
        for (id, size) in usage.withLock({ exchange(&$0.leaving, with: [:]) }) {
            guard try await index.file(id) == nil else { continue }
            count(-size)
            try await store.remove(id)
        }
    }

    /// Removes what nobody owns, a part of the files at a time: what a process has left that was killed.
    @Sendable func tidy() async {
        do {
            try await store.removeDrafts()
            let start = next.add(Self.prefixesInOneGo, ordering: .relaxed).oldValue
            for prefix in start..<(start + Self.prefixesInOneGo) {
                try await removeAbandoned(prefix: FileID.prefixes[prefix % FileID.prefixes.count])
            }
        } catch {
            report(error)
        }
    }

    /// Where the bytes of a file are missing it stays known: that may be the store's fault.
    private func removeAbandoned(prefix: String) async throws {
        let owners = try await index.owners(prefix: prefix)
        for id in try await store.list(prefix: prefix).keys where owners[id] == nil && !expects(id) {
            try await removeAbandoned(id)
        }
        for id in owners.keys where !expects(id) { try await removeAbandoned(id) }
    }

    /// Removes files whose time is over.
    @Sendable func removeExpired() async {
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
        let isFirst = usage.withLock { usage in
            usage.removed.insert(account)
            return usage.removed.count == 1
        }
        guard isFirst else { return }
        Task { await removeFiles(of: usage.withLock { exchange(&$0.removed, with: []) }) }
    }

    private func removeFiles(of accounts: Set<JID>) async {
        do {
            for prefix in FileID.prefixes {
                for (id, owner) in try await index.owners(prefix: prefix) where accounts.contains(owner.account) {
                    try await removeAbandoned(id)
                }
            }
        } catch {
            report(error)
        }
    }

    /// Removes a file that no account owns, if it is such a one.
    func removeAbandoned(_ id: FileID) async throws {
        guard try await index.file(id) == nil else { return }
        if let owner = try await index.owner(of: id) { count(-owner.size) }
        try await store.remove(id)
        try await host.storage.commit(index.forgetting(id))
    }

    package func report(_ error: any Error) {
        if let error = error as? StorageError {
            _ = host.report(error)
        } else {
            host.logger.error("file store failed", metadata: ["error": "\(error)"])
        }
    }
}
