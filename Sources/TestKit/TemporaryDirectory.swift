import Foundation

/// A temporary directory, removed with the last reference to it.
public final class TemporaryDirectory: Sendable {
    /// Its path, without a trailing slash.
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
