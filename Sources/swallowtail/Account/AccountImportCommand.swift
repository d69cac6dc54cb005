import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail account import`.
struct AccountImportCommand: AdministrativeCommand {
    static let command = "account-import"
    static let configuration = CommandConfiguration(commandName: "import", abstract: Self.summary)

    @Argument(help: "The file.")
    var file: String

    @Argument(help: "What to call the account; without it, as in the file.")
    var name: String?

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        // The server has a working directory of its own.
        ["file": .text(URL(fileURLWithPath: file).path), "name": CommandValue(name)]
    }
}
