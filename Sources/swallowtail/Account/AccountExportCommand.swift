import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail account export`.
struct AccountExportCommand: AdministrativeCommand {
    static let command = "account-export"
    static let configuration = CommandConfiguration(commandName: "export", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions

    @Argument(help: ArgumentHelp("The file, which is made; .json at its end makes it JSON.", valueName: "file"))
    var file: String

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        // The server has a working directory of its own.
        let path = URL(fileURLWithPath: file).path
        return account.arguments.merging(["file": .text(path), "format": file.hasSuffix(".json") ? "json" : "xml"]) {
            $1
        }
    }
}
