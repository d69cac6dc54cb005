import Foundation
import Subprocess
import Testing
import Web
import XMPPModules

@testable import XMPPServer

@Suite("The command line", .timeLimit(.minutes(5))) struct CommandLineTests {
    private let folder: TestFolder
    private let configuration: String

    init() throws {
        folder = try TestFolder()
        configuration = try folder.configuration(
            """
            hosts:
              messenger.localhost: {profile: messenger, authentication: {require-tls: off}}
              localhost: {authentication: {require-tls: off}}
            """)
    }

    // MARK: What was typed wrongly

    @Test(arguments: [
        (["acount", "list"], "swallowtail has no command \"acount\" — did you mean \"account\"?"),
        (["serv"], "swallowtail has no command \"serv\" — did you mean \"serve\"?"),
        (["token", "mnit", "x"], "swallowtail token has no command \"mnit\" — did you mean \"mint\"?"),
        (
            ["contact", "dance"],
            "swallowtail contact has no command \"dance\" — there are add, remove, list, help"
        ),
    ])
    func aMisspeltCommandIsTold(_ words: [String], _ complaint: String) async throws {
        let run = try await CommandRun(words)
        #expect(run.status == .exited(64))
        #expect(run.output == "")
        #expect(run.errors == "swallowtail: \(complaint)\n")
    }

    @Test func aMisspeltOptionIsTold() async throws {
        let run = try await CommandRun(["check", "--confg", configuration])
        #expect(run.status == .exited(64))
        #expect(run.errors.contains("Did you mean '--config'?"))
    }

    @Test func scopesAreThoseThatThereAre() async throws {
        try await account("romeo")
        let mint = ["token", "mint", "romeo@localhost", "--config", configuration, "--scope"]
        for (scope, fix) in [
            ("wl.mesenger", "did you mean \"wl.messenger\"?"),
            ("everything", "there are wl.messenger, wl.basic, wl.offline_access, xmpp, xmpp:client:normal, admin"),
        ] {
            let run = try await CommandRun(mint + [scope])
            #expect(run.status == .exited(1))
            #expect(run.errors == "swallowtail: there is no scope \"\(scope)\" — \(fix)\n")
        }
        let run = try await CommandRun(mint + ["wl.basic"])
        #expect(run.status == .exited(0))
        let app = try await CommandRun([
            "app", "add", "Clock", "--host", "localhost", "--config", configuration, "--scope", "xmp",
        ])
        #expect(app.errors == "swallowtail: there is no scope \"xmp\" — did you mean \"xmpp\"?\n")
    }

    // MARK: Commands of modules

    @Test func aModuleHasItsSubcommand() async throws {
        try await account("romeo")
        func run(_ words: String...) async throws -> (output: String, errors: String) {
            let run = try await CommandRun(words + ["--config", configuration])
            return (run.output, run.errors)
        }
        let list = try await run("upload").output
        #expect(list.hasPrefix("COMMAND  PARAMETERS       SUMMARY\ncheck    [repair]"), "\(list)")
        #expect(list.contains("quota    account [bytes]") && !list.contains("account-"), "\(list)")
        #expect(try await run("upload", "list", "romeo").output == "There are no files.\n")
        #expect(try await run("upload", "quota", "romeo", "1 KiB").output.contains("1024"))
        #expect(try await run("upload", "quota", "--bytes", "2 KiB", "romeo").output.contains("2048"))
        #expect(try await run("upload", "quota", "--account=romeo").output.contains("2048"))
        #expect(try await run("upload", "check", "--repair").output == "All files are in order.\n")
        #expect(try await run("pubsub", "list").errors == "")
        for (words, complaint) in [
            (["upload", "lst", "romeo"], "there is no command \"upload-lst\" — did you mean \"upload-list\"?"),
            (["upload", "list", "romeo", "juliet"], "upload-list takes no \"juliet\""),
            (
                ["upload", "list", "romeo", "--acount", "x"],
                "upload-list takes no \"acount\" — did you mean \"account\"?"
            ),
            (["upload", "quota", "romeo", "--bytes"], "say what bytes is"),
            (
                ["upload", "list"],
                "say account: The account: its address, its account id or the first part of its address."
            ),
        ] {
            let run = try await CommandRun(words + ["--config", configuration])
            #expect(run.status == .exited(1))
            #expect(run.errors == "swallowtail: \(complaint)\n")
        }
        #expect(try await CommandRun(["--help"]).output.contains("upload"))
        #expect(try await CommandRun(["uplod", "list"]).errors.contains("did you mean \"upload\"?"))
    }

    // MARK: Accounts

    private func account(_ name: String) async throws {
        let run = try await CommandRun(
            ["account", "add", "\(name)@localhost", "--config", configuration], input: "secret\n")
        try #require(run.status == .exited(0), "\(run.errors)")
    }

    private func hasPassword(_ account: String) async throws -> Bool {
        let run = try await CommandRun(["account", "show", account, "--config", configuration])
        try #require(run.status == .exited(0), "\(run.errors)")
        return run.output.contains(/password +yes/)
    }

    @Test("A password on standard input is used, also where people sign in with tokens; there it may be missing")
    func passwordOfAMessengerAccount() async throws {
        for (id, input) in [("0001", "secret\n"), ("0002", ""), ("0003", "\n")] {
            let run = try await CommandRun(
                ["account", "add", "--host", "messenger.localhost", "--id", id, "--config", configuration], input: input
            )
            #expect(run.status == .exited(0), "\(run.errors)")
            #expect(try await hasPassword("\(id)@messenger.localhost") == (input == "secret\n"))
        }
        // A password manager takes its time.
        let slow = "account add --host messenger.localhost --id 0004 --config \(configuration)"
        let piped = try await CommandRun(
            ["-c", "(sleep 0.3; echo secret) | \(ServerProcess.executable.path) \(slow)"], script: "/bin/sh")
        #expect(piped.status == .exited(0), "\(piped.errors)")
        #expect(try await hasPassword("0004@messenger.localhost"))
        let run = try await CommandRun(["account", "add", "mercutio@localhost", "--config", configuration])
        #expect(run.status == .exited(1))
        #expect(run.errors.contains("there is no password on standard input"))
    }

    @Test("An address of a host that is not served here, or of one session, names no account to be added")
    func addressesOfOthers() async throws {
        for (name, complaint) in [
            (
                "juliet@localhost/balcony",
                "juliet@localhost/balcony is the address of one session; the account's is juliet@localhost"
            ),
            (
                "juliet@localhots",
                "localhots is not served here — did you mean \"localhost\"? (an account id needs --host)"
            ),
        ] {
            let run = try await CommandRun(
                ["account", "add", name, "--config", configuration], input: "secret\n")
            #expect(run.status == .exited(1), "\(run.output)")
            #expect(run.errors == "swallowtail: \(complaint)\n")
        }
        let list = try await CommandRun(["account", "list", "--config", configuration])
        #expect(list.output == "There are no accounts.\n")
    }

    // MARK: Serving and checking

    @Test("A second server says at once whose the store is, and ends")
    func secondServer() async throws {
        let server = try await ServerProcess(configuration: configuration)
        let started = ContinuousClock.now
        let second = try await CommandRun(["serve", "--config", configuration])
        #expect(ContinuousClock.now - started < .seconds(4))
        #expect(second.status == .exited(1))
        #expect(
            second.errors.contains(
                "swallowtail: a server runs already: the process \(server.processID) has the store in \(folder.path) open "
                    + "for writing"), "\(second.errors)")
        let check = try await CommandRun(["check", "--config", configuration])
        #expect(check.status == .exited(0), "\(check.output)")
        #expect(try await server.terminate() == .exited(0))
    }

    @Test func checkFindsWhatTheMachineDoesNotGive() async throws {
        let server = try await ServerProcess(configuration: configuration)
        let other = "\(folder.path)/other.yaml"
        let text = """
            data: {directory: /proc/nothing}
            hosts: {localhost: {authentication: {require-tls: off}}}
            listeners: [{addresses: ["127.0.0.1"], port: \(server.port)}]
            """
        try text.write(toFile: other, atomically: true, encoding: .utf8)
        let check = try await CommandRun(["check", "--config", other])
        #expect(check.status == .exited(1))
        #expect(check.output.contains("error    \(other):1: data.directory: the folder /proc/nothing cannot be made"))
        #expect(
            check.output.contains(
                "error    \(other):3: listeners[0].port: another program listens on port \(server.port)"))
        #expect(check.errors == "swallowtail: 2 things are wrong\n")
        #expect(try await server.terminate() == .exited(0))
    }

    @Test("What `make run` sets up listens on all loopback addresses that there are, and passes its check")
    func demonstration() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let scripts = "\(folder.path)/Scripts"
        try FileManager.default.createDirectory(atPath: scripts, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: root.path + "/Scripts/run", toPath: "\(scripts)/run")
        let run = try await CommandRun([ServerProcess.executable.path, "set-up"], script: "\(scripts)/run")
        #expect(run.status == .exited(0), "\(run.errors)")
        let (file, report) = try ConfigFile.load(path: "\(folder.path)/data/swallowtail.yaml")
        let made = ServerConfiguration(
            file, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all + WebModules.all)
        #expect(report.finish() == [])
        let (version6, _) = try ConfigFile.parse("listeners: [{addresses: [\"::1\"], port: 0}]", file: configuration)
        let isThere = SystemCheck(isRunning: false)
            .problems(
                ServerConfiguration(version6, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
            ).isEmpty
        let addresses = isThere ? ["127.0.0.1", "::1"] : ["127.0.0.1"]
        #expect(made.listeners.allSatisfy { $0.addresses.map(\.description) == addresses })
        #expect(made.httpListeners.allSatisfy { $0.addresses.map(\.description) == addresses })
    }

    // MARK: Completion

    @Test func completionIsPrintedAndInstalled() async throws {
        let bash = try await CommandRun(["completion", "bash"])
        #expect(bash.status == .exited(0))
        #expect(bash.output.contains("account") && bash.output.contains("--keep-history"))
        let environment: [Environment.Key: String?] = [
            "HOME": folder.path, "SHELL": "/usr/bin/fish", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "",
        ]
        let own = try await CommandRun(["completion", "--install"], environment: environment)
        let file = "\(folder.path)/.config/fish/completions/swallowtail.fish"
        #expect(own.output == "Written to \(file). New shells use it.\n")
        #expect(try String(contentsOfFile: file, encoding: .utf8).contains("swallowtail"))
        let unknown = try await CommandRun(["completion"], environment: ["SHELL": "/bin/dash"])
        #expect(unknown.errors == "swallowtail: say which shell: bash, zsh or fish\n")
    }
}
