import ArgumentParser
import Foundation
import SQLiteStorage
import XMPPServer

/// `swallowtail backup`.
struct Backup: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes the whole store into one file, while the server runs or not.")

    @Argument(
        help:
            "The file, which must not be there yet; or a directory, in which one is made that is named after the time.",
        completion: .file())
    var path: String

    @OptionGroup var options: AdministrativeOptions

    /// So that a store of an earlier release stays one.
    var access: SQLiteStorage.Access { .read }

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .backUp(path: URL(fileURLWithPath: path).path)
    }
}
