import Foundation

/// `swallowtail` with a subcommand, as a person types it.
struct CommandRun {
    let status: Int32
    let output: String
    let errors: String

    /// Runs the command to its end.
    ///
    /// - Parameters:
    ///   - script: a script to run instead.
    ///   - input: what stands on standard input.
    init(
        _ arguments: [String], script: String? = nil, input: String = "", environment: [String: String] = [:]
    ) async throws {
        let process = Process()
        process.executableURL = try script.map(URL.init(fileURLWithPath:)) ?? ServerProcess.executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let standardInput = Pipe(), standardOutput = Pipe(), standardError = Pipe()
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        process.standardError = standardError
        // Before the start, as a shell has a file ready.
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        try process.run()
        async let output = Self.all(of: standardOutput)
        async let errors = Self.all(of: standardError)
        (self.output, self.errors) = await (output, errors)
        process.waitUntilExit()
        status = process.terminationStatus
    }

    private static func all(of pipe: Pipe) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
            }
        }
    }
}
