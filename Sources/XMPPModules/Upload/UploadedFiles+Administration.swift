import XMPPServer

extension UploadedFiles {
    /// Files that are read at a time.
    private static let pageSize = 500

    func list(of account: JID) async throws -> [UploadInfo] {
        var found: [UploadInfo] = []
        var last: FileID?
        repeat {
            let page = try await index.page(of: account, behind: last, limit: Self.pageSize)
            found += page.map { info($0, of: account) }
            last = page.count == Self.pageSize ? page.last?.id : nil
        } while last != nil
        return found
    }

    func info(_ file: UploadedFile, of owner: JID) -> UploadInfo {
        UploadInfo(
            id: file.id.description, account: owner.string, name: file.name, size: file.size,
            type: file.type.description, purpose: file.purpose.rawValue, createdAt: file.createdAt.xep0082,
            expiresAt: file.expiresAt?.xep0082, address: address.map { "\($0)\(Self.path)\(file.path)" })
    }

    /// The file with an id or an address.
    ///
    /// - Throws: `AdministrationError` if there is none.
    // Swift 6.3.1 ends while it optimizes this function.
    @_optimize(none)
    func find(_ name: String) async throws -> (file: UploadedFile, owner: JID) {
        let part = name.firstRange(of: Self.path).map { name[$0.upperBound...].prefix { $0 != "/" } }
        guard let id = FileID(String(part ?? name[...])) else {
            throw AdministrationError("there is no file \(name)", .notFound)
        }
        let found = try await index.file(id)
        guard let found else { throw AdministrationError("there is no file \(name)", .notFound) }
        return found
    }

    // MARK: Quota

    func setQuota(_ text: String, of account: JID) async throws {
        guard text != "default" else { return try await quotas.remove(account) }
        guard let count = ByteCount(text) else { throw AdministrationError("\"\(text)\" is no amount of bytes") }
        try await quotas.put(UploadQuota(bytes: count.bytes), account)
    }

    // MARK: Check

    /// Compares a part of what is known with what is there.
    ///
    /// - Parameters:
    ///   - prefix: of the files' names.
    ///   - repairs: whether what is wrong is removed.
    func check(prefix: String, repairs: Bool) async throws -> [UploadFinding] {
        let present = try await store.list(prefix: prefix)
        let owners = try await index.owners(prefix: prefix)
        var found: [UploadFinding] = []
        for id in Set(present.keys).union(owners.keys).sorted(by: { $0.description < $1.description }) {
            if let finding = try await check(id, repairs: repairs) { found.append(finding) }
        }
        return found
    }

    /// Looks once more: a file may have come or gone meanwhile.
    private func check(_ id: FileID, repairs: Bool) async throws -> UploadFinding? {
        // In this order: the bytes are there before the file is known, and go after it.
        guard !expects(id) else { return nil }
        let known = try await index.file(id)
        let size = try await store.size(of: id)
        guard let (file, owner) = known else {
            guard try await index.file(id) == nil, !expects(id) else { return nil }
            if repairs { try await removeAbandoned(id) }
            return UploadFinding(id: id.description, account: nil, problem: .unknown, isRemoved: repairs)
        }
        guard size != file.size, try await index.file(id) != nil else { return nil }
        if repairs { try await remove(file, of: owner) }
        return UploadFinding(
            id: id.description, account: owner.string, problem: size == nil ? .missing : .wrongSize, isRemoved: repairs)
    }
}
