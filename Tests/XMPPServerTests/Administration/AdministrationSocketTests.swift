import Foundation
import NIOPosix
import Testing

@testable import XMPPServer

@Suite struct AdministrationSocketTests {
    /// The socket of a store, at a path that is short enough for one.
    private static func open(_ store: BareStore) async throws -> (socket: AdministrationSocket, path: String) {
        let path = "\(store.directory)/s"
        let socket = try await AdministrationSocket(
            path: path, store.administration, group: MultiThreadedEventLoopGroup.singleton)
        return (socket, path)
    }

    /// Asks as the command line does, on a thread that may block.
    private static func ask(_ path: String, _ request: CommandRequest) async throws -> CommandReply? {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try AdministrationClient(path: path).perform(request) })
            }
        }
    }

    @Test func requestsAndRepliesCrossIt() async throws {
        let store = try await BareStore()
        let (socket, path) = try await Self.open(store)
        let photo = Data([0xFF, 0xD8, 0xFF] + [UInt8](repeating: 7, count: AccountPhoto.maximumSize - 3))
        let added = try await Self.ask(
            path,
            CommandRequest(
                "account-add",
                [
                    "name": "ann@chat.example", "display-name": "Ånn\n", "photo": .text(Base64.encode(Array(photo))),
                ]))
        #expect(added?.result?["displayName"] == "Ånn\n")
        let shown = try await Self.ask(path, CommandRequest("account-show", ["account": "ann@chat.example"]))
        #expect(shown?.result?["hasPhoto"] == true)
        #expect(shown?.result?["sessions"] == nil)
        let other = try await Self.ask(path, CommandRequest("account-show", ["account": "bob"]))
        #expect(other?.failure == .notFound && other?.result == nil, "an account that nobody added was shown")
        await socket.close()
    }

    @Test func onlyItsOwnerMayUseIt() async throws {
        let store = try await BareStore()
        let (socket, path) = try await Self.open(store)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        await socket.close()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await Self.ask(path, CommandRequest("account-list")) == nil)
    }

    @Test func oneThatIsLeftOverIsReplacedAndOneInUseIsNot() async throws {
        let store = try await BareStore()
        let path = "\(store.directory)/s"
        close(try UnixSocket.bind(path))
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(try await Self.ask(path, CommandRequest("account-list")) == nil)
        let (socket, _) = try await Self.open(store)
        await #expect(throws: AdministrationError.self) { _ = try await Self.open(store) }
        #expect(try await Self.ask(path, CommandRequest("account-list")) != nil)
        await socket.close()
    }

    @Test func aLineThatIsNoRequestIsAnswered() async throws {
        let store = try await BareStore()
        let answer = await store.administration.answer(Array("{\"reboot\":{}}".utf8))
        let reply = try JSONDecoder().decode(CommandReply.self, from: Data(answer))
        #expect(reply.failure == .invalid && reply.result == nil)
    }

    @Test func aRequestWithoutEndIsCutOff() async throws {
        let store = try await BareStore()
        let (socket, path) = try await Self.open(store)
        let descriptor = try #require(try UnixSocket.connect(path))
        let part = [UInt8](repeating: UInt8(ascii: "x"), count: AdministrationConnection.longestRequest + 1)
        var sent = 0
        while sent < part.count {
            let count = part[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard count > 0 else { break }
            sent += count
        }
        let end = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var byte: UInt8 = 0
                continuation.resume(returning: recv(descriptor, &byte, 1, 0))
            }
        }
        #expect(end <= 0)
        close(descriptor)
        await socket.close()
    }
}
