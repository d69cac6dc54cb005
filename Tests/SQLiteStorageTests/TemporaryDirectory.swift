import Foundation

/// A directory of its own for one test, removed with everything in it when the test ends.
final class TemporaryDirectory: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("swallowtail-\(UUID().uuidString)").path

    /// The path of a database in it.
    var database: String { path + "/swallowtail.sqlite" }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The mode of a file in it, or of itself.
    func mode(_ name: String = "") throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int
    }
}
