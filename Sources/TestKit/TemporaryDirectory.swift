import Foundation

/// A directory of its own for a test, gone with the last reference to it.
public final class TemporaryDirectory: Sendable {
    /// Its path, without a slash at the end.
    public let path: String

    /// Makes it.
    public init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
