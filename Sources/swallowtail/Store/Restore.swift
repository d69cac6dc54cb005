import ArgumentParser
import SQLiteStorage
import XMPPServer

/// `swallowtail restore`.
struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes the store from a backup, while the server does not run.")

    @Argument(help: "The file that `backup` has written.", completion: .file())
    var file: String

    @Flag(help: "Let a store that is there give way; it is kept in a directory beside the new one.")
    var force = false

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let data = try options.load().data
        do throws(StorageError) {
            let store = try StoreRestoration(
                of: file, database: data.database, files: [DataConfiguration.keyFileName: data.keyFile],
                replacing: force)
            print("the store is restored: version \(store.version), \(store.accounts) accounts")
            if let former = store.former { print("the former one is kept in \(former)") }
        } catch {
            let fix = error.kind == .alreadyExists ? "; with --force it gives way, and is kept" : ""
            throw Failure(error.diagnosis + fix)
        }
    }
}
