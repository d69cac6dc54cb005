import ArgumentParser
import XMPPModules
import XMPPServer

/// `swallowtail config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Prints the reference of the configuration file, in Markdown.")

    func run() {
        print("# Configuration\n")
        print(
            ServerConfiguration.reference(builtInProfiles: StandardProfiles.yaml, modules: AvailableModules.all),
            terminator: "")
    }
}
