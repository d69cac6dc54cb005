import Foundation
import XMPP

extension Administration {
    func backUp(to path: String) async throws -> String {
        guard path.hasPrefix("/") else { throw AdministrationError("\(path) is not a whole path") }
        var isDirectory: ObjCBool = false
        var file = path
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
            file += "/swallowtail-\(now().xep0082.replacing(":", with: "")).db"
        }
        try await storage.backUp(to: file, with: keyFile())
        return "the store is backed up in \(file)"
    }

    /// The server's secret by the name that it has in a backup; nothing if there is none yet.
    private func keyFile() throws -> [String: [UInt8]] {
        let path = configuration.data.keyFile
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let key = FileManager.default.contents(atPath: path) else {
            throw AdministrationError("cannot read \(path), which belongs to the store")
        }
        return [DataConfiguration.keyFileName: Array(key)]
    }
}
