import Foundation
import Testing
import XMPP

@testable import XMPPServer

@Suite("The server's key") struct ServerKeyTests {
    @Test("It is made once, for its owner alone, and is the same from then on")
    func file() throws {
        let folder = try TestFolder()
        let path = "\(folder.path)/data/secret.key"
        let key = try ServerKey(file: path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try ServerKey(file: path).code(of: "x") == key.code(of: "x"))
        #expect(key.code(of: "x") != key.code(of: "y"))
        #expect(ServerKey().code(of: "x") != key.code(of: "x"))
        #expect("\(key)" == "‹redacted›")
    }

    @Test("What a killed process has begun is no key")
    func draft() throws {
        let folder = try TestFolder()
        let path = "\(folder.path)/secret.key"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path + ".part"))
        let key = try ServerKey(file: path)
        #expect(try ServerKey(file: path).code(of: "x") == key.code(of: "x"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["secret.key"])
    }

    @Test("Half a key is none")
    func damaged() throws {
        let folder = try TestFolder()
        let path = "\(folder.path)/secret.key"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        #expect(throws: ServerError.self) { try ServerKey(file: path) }
    }
}
