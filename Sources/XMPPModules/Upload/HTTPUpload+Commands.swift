import XMPPServer

/// What administrators can do with uploaded files.
extension HTTPUpload {
    var commands: [Command] {
        [
            Command(
                "upload-list", "Lists the files of an account, the newest first.", for: .administrator, isReading: true,
                .account("account", "The account: its address, its account id or the first part of its address.")
            ) { [files] _, account in try await files.list(of: account.jid) },
            Command(
                "upload-show", "Shows a file.", for: .administrator, isReading: true,
                .text("file", "The file's id, or its address.")
            ) { [files] _, name in
                let (file, owner) = try await files.find(name)
                return files.info(file, of: owner)
            },
            Command(
                "upload-delete", "Deletes a file.", for: .administrator,
                .text("file", "The file's id, or its address.")
            ) { [files] _, name in
                let (file, owner) = try await files.find(name)
                try await files.remove(file, of: owner)
                return Sentence("the file \(file.id) of \(owner) is deleted")
            },
            Command(
                "upload-quota", "Shows how much the files of an account take, or sets how much they may.",
                for: .administrator,
                .account("account", "The account: its address, its account id or the first part of its address."),
                .optional(.text("bytes", "The account's own quota, such as \"10 GiB\"; `default`: that of the host."))
            ) { [files] _, account, text in
                if let text { try await files.setQuota(text, of: account.jid) }
                return UploadUsage(
                    account: account.jid.string, used: try await files.usage(of: account.jid).bytes,
                    quota: try await files.quota(of: account.jid))
            },
            Command(
                "upload-check", "Looks for files without bytes, and for bytes that belong to no file.",
                for: .administrator, isLasting: true,
                .boolean("repair", default: false, "Whether to remove what is found.")
            ) { [files] _, repairs in
                var found: [UploadFinding] = []
                for prefix in FileID.prefixes { found += try await files.check(prefix: prefix, repairs: repairs) }
                return found
            },
        ]
    }
}

/// A file, for administrators.
struct UploadInfo: CommandRecord {
    let id: String
    let account: String
    let name: String
    let size: Int
    let type: String
    let purpose: String
    let createdAt: String
    /// nil: it stays.
    let expiresAt: String?
    /// nil: the host is not on the web.
    let address: String?

    static let columns: [CommandColumn<UploadInfo>] = [
        .text("id", "id") { $0.id },
        .text("account", .init(list: "account"), shape: .address) { $0.account },
        .text("name", "name") { $0.name },
        .integer("size", "bytes") { $0.size },
        .text("type", "type") { $0.type },
        .text("purpose", "purpose") { $0.purpose },
        .text("createdAt", "sent", shape: .moment) { $0.createdAt },
        .text("expiresAt", "expires", shape: .moment, none: "never", noneInTable: "never") { $0.expiresAt },
        .text("address", .init(list: "address")) { $0.address },
    ]
    static let none = "There are no files."
}

/// How much the files of an account take.
struct UploadUsage: CommandRecord {
    let account: String
    let used: Int
    let quota: Int

    static let columns: [CommandColumn<UploadUsage>] = [
        .text("account", "account", shape: .address) { $0.account },
        .integer("used", "bytes used") { $0.used },
        .integer("quota", "bytes allowed") { $0.quota },
    ]
}

/// Something wrong with the stored files.
struct UploadFinding: CommandRecord, Equatable {
    enum Problem: String, Sendable {
        /// A file is known whose bytes are not there.
        case missing = "its bytes are missing"
        /// Bytes are there that belong to no file.
        case unknown = "it belongs to nobody"
        case wrongSize = "it has another size"
    }

    let id: String
    /// nil: nobody's.
    let account: String?
    let problem: Problem
    let isRemoved: Bool

    static let columns: [CommandColumn<UploadFinding>] = [
        .text("id", "id") { $0.id },
        .text("account", "account", shape: .address) { $0.account },
        .text("problem", "problem") { $0.problem.rawValue },
        .boolean("isRemoved", "removed") { $0.isRemoved },
    ]
    static let none = "All files are in order."
}
