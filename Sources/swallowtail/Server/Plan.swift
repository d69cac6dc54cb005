import ArgumentParser
import XMPPServer

/// `swallowtail plan`.
struct Plan: RunningServerCommand {
    static let command = "plan"
    static let configuration = CommandConfiguration(
        abstract:
            "Prints what a reload of the configuration would change in the running server, and what takes a restart.")

    @OptionGroup var options: AdministrativeOptions
}
