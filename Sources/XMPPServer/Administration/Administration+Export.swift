import Foundation
import NIOCore
import XMPP

extension Administration {
    /// For the operator alone, as they read and write files on the server's machine.
    static let exportCommands = [
        Command(
            "account-export", "Writes all that is kept for an account into a file, but for what opens it.",
            for: .operatorOfServer, isReading: true, isLasting: true,
            .account("account", help),
            .text("file", "The file, which is made."),
            .choice(
                "format", of: ["xml", "json"], default: "xml",
                "XML for another server, or JSON for programs and for account-import.")
        ) { call, account, file, format in
            try await call.administration.export(account, to: file, format == "json" ? .json : .xep0227)
            return Sentence("\(account.jid) is written to \(file)")
        },
        Command(
            "account-import",
            "Makes an account of what account-export has written in JSON. It has no password, and no app has access.",
            for: .operatorOfServer, isLasting: true,
            .text("file", "The file."),
            .optional(.text("name", "What to call the account; without it, as in the file.", kind: .account))
        ) { call, file, name in try await call.administration.import(file, as: name) },
    ]

    private func `import`(_ file: String, as name: String?) async throws -> AccountInfo {
        var lines = try AccountImport.Lines(file)
        let profile = try lines.profile()
        let wanted = NewAccount(
            name: name ?? profile.address, accountID: profile.accountID, displayName: profile.displayName,
            photo: profile.photoFile.map { Data($0) }, keepsHistory: profile.keepsHistory)
        let added = try await add(wanted) { jid, host in try AccountImport(into: jid, on: host).changes(profile) }
        let account = try await account(AccountName(added.jid))
        guard let host = server.hosts[of: account.jid] else {
            throw AdministrationError("\(account.jid.domain) is not served here", .notFound)
        }
        do {
            try await AccountImport(into: account.jid, on: host).addMessages(&lines)
            guard !profile.personalMessage.isEmpty else { return added }
            return try await change(account, AccountChanges(personalMessage: profile.personalMessage))
        } catch {
            // A partial account would be taken for a complete one.
            try await remove(account)
            throw error
        }
    }

    private func export(_ account: Account, to file: String, _ format: AccountExport.Format) async throws {
        guard let host = server.hosts[of: account.jid] else {
            throw AdministrationError("\(account.jid.domain) is not served here", .notFound)
        }
        let record = try await record(of: account)
        // Never overwrites a file; readable by its owner only.
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw AdministrationError("cannot make \(file): \(UnixSocket.reason(errno))", at: "file")
        }
        do {
            var output = FileOutput(handle: FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
            try await AccountExport(of: record, on: host).write(format, to: &output)
            try output.handle.synchronize()
            try output.handle.close()
            try FileCalls.synchronizeDirectory(of: file)
        } catch {
            unlink(file)
            throw error
        }
    }

    private struct FileOutput: AccountExport.Output {
        let handle: FileHandle

        mutating func write(_ bytes: ByteBuffer) async throws {
            try handle.write(contentsOf: Data(bytes.readableBytesView))
        }
    }
}
