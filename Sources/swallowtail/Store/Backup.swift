import ArgumentParser
import Foundation
import SQLiteStorage
import XMPP
import XMPPServer

/// `swallowtail backup`.
struct Backup: AdministrativeCommand {
    static let command = "backup"
    static let configuration = CommandConfiguration(abstract: Self.summary)

    @Argument(
        help:
            "The file, which must not be there yet; or a directory, in which one is made that is named after the time.",
        completion: .file())
    var path: String

    @OptionGroup var options: AdministrativeOptions

    /// So that a store of an earlier release is not migrated.
    var access: SQLiteStorage.Access { .read }

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["path": .text(URL(fileURLWithPath: path).path)]
    }

    func perform(
        _ request: CommandRequest, _ configuration: ServerConfiguration, on storage: SQLiteStorage
    ) async throws -> CommandReply {
        do {
            return Administration.reply(
                try await Administration.backUp(
                    storage, configuration, to: URL(fileURLWithPath: path).path, now: .now()))
        } catch {
            return Administration.reply(error)
        }
    }
}
