import ArgumentParser
import XMPPServer

/// `swallowtail reload`.
struct Reload: RunningServerCommand {
    static let command = "reload"
    static let configuration = CommandConfiguration(
        abstract: """
            Has the running server read its configuration and certificates anew, as SIGHUP does; prints what has changed.
            """)

    @OptionGroup var options: AdministrativeOptions
}
