import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail account`.
struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account",
        abstract: "Adds, shows, changes and removes accounts.",
        subcommands: [
            AccountAdd.self, AccountList.self, AccountShow.self, AccountSet.self, AccountRemove.self,
            AccountPassword.self, AccountExportCommand.self, AccountImportCommand.self,
        ]
    )
}

/// On or off.
enum Switch: String, ExpressibleByArgument, CaseIterable {
    case on
    case off

    var isOn: Bool { self == .on }
}

/// Reads a photo's file.
func photo(_ path: String) throws -> [UInt8] {
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Failure("the photo \(path) cannot be read") }
    // One byte beyond the maximum shows that it is too large.
    guard let bytes = try? handle.read(upToCount: AccountPhoto.maximumSize + 1), !bytes.isEmpty else {
        throw Failure("the photo \(path) is empty or cannot be read")
    }
    guard bytes.count <= AccountPhoto.maximumSize else {
        throw Failure("the photo \(path) is larger than \(AccountPhoto.maximumSize) bytes")
    }
    return Array(bytes)
}
