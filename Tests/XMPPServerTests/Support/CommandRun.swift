import Foundation
import Subprocess
import SystemPackage

/// `swallowtail` with a subcommand, as a person types it.
struct CommandRun {
    let status: TerminationStatus
    let output: String
    let errors: String

    /// Runs the command to its end.
    ///
    /// - Parameters:
    ///   - script: a script to run instead.
    ///   - input: what stands on standard input.
    init(
        _ arguments: [String], script: String? = nil, input: String = "", environment: [Environment.Key: String?] = [:]
    ) async throws {
        let result = try await run(
            .path(FilePath(script ?? ServerProcess.executable.path)), arguments: Arguments(arguments),
            environment: .inherit.updating(environment), input: .string(input), output: .string(limit: 1 << 24),
            error: .string(limit: 1 << 24))
        status = result.terminationStatus
        output = result.standardOutput
        errors = result.standardError
    }
}
