import ArgumentParser

@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swallowtail-load",
        abstract: "Drives an XMPP server and measures it.",
        discussion: """
            Each command is a work. It counts what was lost, doubled or out of order and ends with 1 if anything was. \
            With --server-pid it tells what the server's process took of processor and memory meanwhile.
            """,
        subcommands: [
            Register.self, Idle.self, SignIn.self, Ping.self, Chat.self, Presence.self, Offline.self, ArchivePages.self,
            Publish.self, Nodes.self, Avatars.self, Room.self,
        ])
}
