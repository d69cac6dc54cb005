import Crypto
import Foundation
import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

@Suite("Devices and their tokens", .timeLimit(.minutes(10))) struct DeviceTests {
    private static let password = Array("\0romeo\0secret".utf8)
    private static let wish =
        "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/><bind xmlns='urn:xmpp:bind:0'/>"

    private func signIn(
        _ server: TestServer, _ mechanism: String, _ message: [UInt8], _ content: String, device: Int = 1
    ) async throws -> (client: TestClient, answer: String) {
        let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        let id = String(format: "%08x-4d72-4749-b3d3-740edbf87770", device)
        _ = try await client.open()
        try await client.send(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='\(mechanism)'>"
                + "<initial-response>\(Base64.encode(message))</initial-response>"
                + "<user-agent id='\(id)'><software>Tern</software></user-agent>\(content)</authenticate>")
        return (client, try await client.read(until: content.contains("<bind") ? "</stream:features>" : ">"))
    }

    private func token(in answer: String) throws -> String {
        let begin = try #require(answer.firstRange(of: " token=\""))
        return String(answer[begin.upperBound...].prefix { $0 != "\"" })
    }

    private func proof(_ token: String) -> [UInt8] {
        let key = SymmetricKey(data: Array(token.utf8))
        return Array("romeo\0".utf8) + Array(HMAC<SHA256>.authenticationCode(for: Array("Initiator".utf8), using: key))
    }

    @Test("An administrator sees a device's token and revokes it; its session ends, and the token is void")
    func revoked() async throws {
        let server = try await TestServer()
        let (_, answer) = try await signIn(server, "PLAIN", Self.password, Self.wish)
        let token = try token(in: answer)
        let phone = try await signIn(
            server, "HT-SHA-256-NONE", proof(token), "<fast xmlns='urn:xmpp:fast:0'/><bind xmlns='urn:xmpp:bind:0'/>"
        ).client
        let administration = Administration(server.server)
        let account = AccountName("romeo@example.org")
        let tokens = try await administration.tokens(of: account)
        #expect(tokens.map(\.app) == ["Tern"])
        let id = try #require(tokens.first?.id)
        _ = try await administration.revoke(id)
        #expect(await phone.readToEnd().contains("<not-authorized "))
        let refused = try await signIn(server, "HT-SHA-256-NONE", proof(token), "<fast xmlns='urn:xmpp:fast:0'/>")
        #expect(refused.answer.contains("<failure "))
        await server.stop()
    }

    @Test("What is stored signs nobody in")
    func stored() async throws {
        let server = try await TestServer()
        let (_, answer) = try await signIn(server, "PLAIN", Self.password, Self.wish)
        let token = try token(in: answer)
        let secret = try #require(Base64.decode(token))
        await server.stop()
        let files = try FileManager.default.contentsOfDirectory(atPath: server.folder.path)
        #expect(files.contains("store.db"))
        for file in files where file.hasPrefix("store.db") {
            let bytes = try #require(FileManager.default.contents(atPath: "\(server.folder.path)/\(file)"))
            #expect(bytes.range(of: Data(token.utf8)) == nil)
            #expect(bytes.range(of: Data(secret)) == nil)
        }
    }

    @Test("An account has a bounded number of devices; those that were not here for longest are forgotten")
    func bounded() async throws {
        let server = try await TestServer()
        let romeo = try #require(JID("romeo@example.org"))
        for device in 1...(Host.devicesPerAccount + 2) {
            let (client, answer) = try await signIn(server, "PLAIN", Self.password, "", device: device)
            #expect(answer.contains("<success "))
            try await client.close()
        }
        let record = try #require(try await server.host().accounts.load(romeo))
        #expect(record.devices.count == Host.devicesPerAccount)
        let last = try server.host().deviceID(
            of: romeo,
            installation: String(format: "%08x", Host.devicesPerAccount + 2)
                + "-4d72-4749-b3d3-740edbf87770")
        #expect(record.devices.contains { $0.id == last })
        await server.stop()
    }
}
