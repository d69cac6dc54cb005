import Foundation
import Subprocess
import SystemPackage

/// The openssl command line program.
enum OpenSSL {
    static let path = "/usr/bin/openssl"
    static var isPresent: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// Runs it with no input and returns what it writes to standard output.
    static func run(_ arguments: [String]) async throws -> String {
        try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments), output: .string(limit: 1 << 20)
        ).standardOutput
    }
}
