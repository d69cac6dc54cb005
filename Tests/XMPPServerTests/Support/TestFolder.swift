import Foundation

/// A folder of its own for one test, removed with everything in it.
final class TestFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Writes the configuration of a server that has its data in the folder and listens for clients.
    ///
    /// - Parameter more: its hosts, and what else it has.
    /// - Returns: the file's path.
    func configuration(_ more: String) throws -> String {
        let file = "\(path)/swallowtail.yaml"
        let text = """
            data: {directory: .}
            log: {format: json}
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            \(more)
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
