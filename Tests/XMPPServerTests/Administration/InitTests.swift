import Foundation
import Subprocess
import Testing

@testable import XMPPServer

@Suite("Setting a server up", .timeLimit(.minutes(5))) struct InitTests {
    private let folder: TestFolder
    private var file: String { "\(folder.path)/swallowtail.yaml" }

    init() throws { folder = try TestFolder() }

    private func initialize(_ more: String..., input: String = "secret\n") async throws -> CommandRun {
        try await CommandRun(["init", "--config", file] + more, input: input)
    }

    private func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")[.posixPermissions] as? Int
    }

    @Test("From nothing: a configuration without mistakes, a key for its owner alone, an administrator, an invitation")
    func fromNothing() async throws {
        let run = try await initialize("chat.example")
        #expect(run.status == .exited(0), "\(run.errors)")
        #expect(run.output.contains("The administrator: admin@chat.example\n"))
        #expect(run.output.contains("xmpp:chat.example?register;preauth="))
        #expect(run.output.contains("_xmpps-client._tcp.chat.example.  SRV  5 0 5223 chat.example.\n"))
        #expect(run.output.contains("swallowtail serve --config \(file)\n"))
        #expect(!(run.output + run.errors).contains("secret"))
        #expect(try mode("chat.example.key") == 0o600)

        let plan = try await CommandRun(["modules", "--config", file])
        #expect(plan.status == .exited(0) && plan.output.contains("chat.example"))
        let check = try await CommandRun(["check", "--config", file])
        #expect(check.output.contains("the certificate is for chat.example and valid until"))
        #expect(check.output.contains("sound"))
        let account = try await CommandRun(["account", "show", "admin@chat.example", "--config", file])
        #expect(account.output.contains("dministrator"))
        let invitations = try await CommandRun(["invite", "list", "--config", file, "--json"])
        #expect(invitations.output.contains("chat.example"))
    }

    @Test("What is in a file without hosts stays; a file with hosts is left alone")
    func isAddedToOnce() async throws {
        let before = "# Mine.\ndata: {directory: store}\nlog: {level: notice}\n"
        try before.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try await initialize("chat.example").status == .exited(0))
        let written = try String(contentsOfFile: file, encoding: .utf8)
        #expect(written.hasPrefix(before))
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/store/swallowtail.db"))

        let again = try await initialize("other.example", input: "")
        #expect(again.status == .exited(1))
        #expect(again.errors.contains("has hosts already"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == written)
    }

    @Test(
        "What would not be right is not written",
        arguments: ["", "a b", "romeo@chat.example", "chat.example/x", "a\":"])
    func domains(_ domain: String) async throws {
        let run = try await initialize(domain, input: "")
        #expect(run.status == .exited(1))
        #expect(run.errors.contains("is no domain"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("A file that it cannot add to stays as it is")
    func mistakes() async throws {
        let before = "listeners: [{port: 5222}]\n"
        try before.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try await initialize("chat.example").status == .exited(1))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
        #expect(!FileManager.default.fileExists(atPath: "\(file).new"))
    }

    @Test("The domain is asked for; a certificate that is there is taken")
    func asks() async throws {
        try TestCertificate("chat.example").write(to: folder.path, as: "own")
        let run = try await initialize(
            "--certificate", "\(folder.path)/own.crt", "--key", "\(folder.path)/own.key", "--admin", "romeo",
            input: "chat.example\nsecret\n")
        #expect(run.status == .exited(0), "\(run.errors)")
        #expect(run.output.contains("romeo@chat.example"))
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/chat.example.key"))
    }
}
