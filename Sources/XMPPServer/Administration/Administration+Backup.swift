import Foundation
import XMPP

extension Administration {
    static let backupCommands = [
        Command(
            "backup", "Writes the whole store into one file, while the server runs or not.", for: .operatorOfServer,
            isReading: true, isLasting: true,
            .text("path", "The file, which must not be there yet; or a directory, in which one is made.")
        ) { call, path in
            let administration = call.administration
            return try await backUp(
                administration.storage, administration.configuration, to: path, now: administration.now())
        }
    ]

    /// Writes a backup of a store that is in use. It needs no server, so that the store may have the schema of an
    /// earlier release and keep it.
    ///
    /// - Parameter path: absolute; the file, which must not exist, or the directory for it.
    public static func backUp(
        _ storage: any Storage, _ configuration: ServerConfiguration, to path: String, now: Timestamp
    ) async throws -> Sentence {
        guard path.hasPrefix("/") else { throw AdministrationError("\(path) is not a whole path", at: "path") }
        var isDirectory: ObjCBool = false
        var file = path
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
            file += "/swallowtail-\(now.xep0082.replacing(":", with: "")).db"
        }
        try await storage.backUp(to: file, with: keyFile(configuration))
        return Sentence("the store is backed up in \(file)")
    }

    /// The server's secret, under its name in a backup; nothing if there is none yet.
    private static func keyFile(_ configuration: ServerConfiguration) throws -> [String: [UInt8]] {
        let path = configuration.data.keyFile
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let key = FileManager.default.contents(atPath: path) else {
            throw AdministrationError("cannot read \(path), which belongs to the store", .failed)
        }
        return [DataConfiguration.keyFileName: Array(key)]
    }
}
