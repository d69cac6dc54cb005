import ArgumentParser

/// `swallowtail app`.
struct AppCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Registers, lists and removes apps that may ask people for access to their accounts.",
        subcommands: [AppAdd.self, AppList.self, AppRemove.self]
    )
}
