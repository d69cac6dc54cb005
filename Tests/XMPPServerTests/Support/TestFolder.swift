import Foundation

/// A folder of its own for one test, removed with everything in it.
final class TestFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
