import Foundation
import NIOCore
import NIOPosix
import Testing
import XMPPModules

@testable import XMPPServer

@Suite struct SystemCheckTests {
    private static func problems(_ text: String, in folder: TestFolder, isRunning: Bool = false) throws -> [String] {
        let (root, _) = try ConfigFile.parse(text, file: "\(folder.path)/f.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        return SystemCheck(isRunning: isRunning).problems(configuration)
            .map { $0.description.replacing(folder.path, with: "") }
    }

    /// What the folder holds.
    private static func content(_ folder: TestFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    // MARK: Ports

    @Test func aPortInUseIsFoundUnlessTheServerHasIt() async throws {
        let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let folder = try TestFolder()
        for list in ["listeners", "http-listeners"] {
            let text = """
                \(list == "listeners" ? "" : "listeners: [{port: 0, addresses: [\"127.0.0.1\"]}]")
                \(list):
                  - addresses: ["127.0.0.1"]
                    port: \(port)
                """
            #expect(
                try Self.problems(text, in: folder) == [
                    "/f.yaml:4: \(list)[0].port: another program listens on port \(port) of 127.0.0.1 — end it (\"ss -ltnp "
                        + "'sport = :\(port)'\" names it), or choose another port"
                ])
            #expect(try Self.problems(text, in: folder, isRunning: true) == [])
        }
        try await other.close()
        let text = "listeners: [{addresses: [\"127.0.0.1\"], port: \(port)}]"
        #expect(try Self.problems(text, in: folder) == [])
        // A second look finds no trace of the first.
        #expect(try Self.problems(text, in: folder) == [])
    }

    @Test func listenersInEachOthersWayAreFound() async throws {
        let free = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(free.localAddress?.port)
        try await free.close()
        let text = """
            listeners:
              - {addresses: ["0.0.0.0"], port: \(port)}
            http-listeners:
              - {addresses: ["127.0.0.1"], port: \(port), tls: off}
            """
        #expect(
            try Self.problems(text, in: TestFolder()) == [
                "/f.yaml:4: http-listeners[0].port: another listener of this file takes port \(port) of 127.0.0.1 — choose "
                    + "another port"
            ])
    }

    @Test func anAddressOfAnotherMachineIsFound() throws {
        #expect(
            try Self.problems("listeners: [{addresses: [\"192.0.2.1\"], port: 0}]", in: TestFolder()) == [
                "/f.yaml:1: listeners[0].port: this machine does not have the address 192.0.2.1 — list one that \"ip "
                    + "address\" shows"
            ])
    }

    @Test func aPrivilegedPortIsExplained() throws {
        let address = try #require(IPAddress("127.0.0.1"))
        let (text, fix) = SystemCheck.explanation(EACCES, address: address, port: 80, own: [])
        #expect(text == "this user may not listen on port 80")
        #expect(fix.contains("setcap cap_net_bind_service=+ep") && fix.contains("AmbientCapabilities="))
    }

    // MARK: Folders

    @Test(arguments: ["data", "deep/below/data", "."])
    func aFolderThatCanBeMadeIsRight(_ directory: String) throws {
        let folder = try TestFolder()
        let text = "listeners: [{addresses: [\"127.0.0.1\"], port: 0}]\ndata: {directory: \(directory)}"
        #expect(try Self.problems(text, in: folder) == [])
        #expect(try Self.content(folder) == [])
    }

    @Test(arguments: [
        (
            "{directory: file}",
            "/f.yaml:2: data.directory: /file is no folder — name a folder, or move the file out of the way"
        ),
        (
            "{directory: file/data}",
            "/f.yaml:2: data.directory: /file is no folder — name a folder, or move the file out of the way"
        ),
        (
            "{directory: /proc/data}",
            "/f.yaml:2: data.directory: the folder /proc/data cannot be made: No such file or directory — give /proc to the "
                + "user who runs the server, or name another folder"
        ),
        (
            "{database: /proc/swallowtail.db}",
            "/f.yaml:2: data.database: nothing can be made in /proc: No such file or directory — give /proc to the user who "
                + "runs the server, or name another folder"
        ),
        (
            "{administration-socket: nowhere/s}",
            "/f.yaml:2: data.administration-socket: there is no folder /nowhere — make it, and give it to the user who runs "
                + "the server"
        ),
    ])
    func aFolderThatCannotBeIsFound(_ data: String, _ complaint: String) throws {
        let folder = try TestFolder()
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/file"))
        let text = "listeners: [{addresses: [\"127.0.0.1\"], port: 0}]\ndata: \(data)"
        #expect(try Self.problems(text, in: folder) == [complaint])
        #expect(try Self.content(folder) == ["file"])
    }
}
