import Foundation
import Subprocess
import SystemPackage
import Testing

/// `swallowtail serve` as a process of its own.
final class ServerProcess: Sendable {
    /// In the order in which they were opened.
    let ports: [Int]
    var port: Int { ports[0] }
    let processID: pid_t
    private let end: Task<TerminationStatus, any Error>

    /// Starts it and waits until it is ready.
    init(configuration: String) async throws {
        let executable = try FilePath(Self.executable.path)
        let (starts, start) = AsyncStream<(processID: pid_t, log: String)>.makeStream()
        end = Task {
            defer { start.finish() }
            return try await run(
                .path(executable), arguments: ["serve", "--config", configuration], input: .none, output: .discarded,
                error: .sequence
            ) { process in
                var log = ""
                var isReady = false
                // To the end: the process must never wait for somebody to read.
                for try await line in process.standardError.strings() where !isReady {
                    log += line
                    isReady = line.contains("\"message\":\"ready\"")
                    if isReady { start.yield((process.processIdentifier.value, log)) }
                }
                if !isReady { start.yield((process.processIdentifier.value, log)) }
            }.terminationStatus
        }
        let log: String
        (processID, log) = try #require(await starts.first { _ in true })
        ports = log.matches(of: /"port":"?(\d+)/).compactMap { Int($0.output.1) }
        try #require(!ports.isEmpty, "\(log)")
    }

    func kill() { Foundation.kill(processID, SIGKILL) }

    /// Sends SIGTERM and waits for the end.
    func terminate() async throws -> TerminationStatus {
        Foundation.kill(processID, SIGTERM)
        return try await ended()
    }

    func ended() async throws -> TerminationStatus { try await end.value }

    /// Built into the folder of the test bundle.
    static var executable: URL {
        get throws {
            let bundle = try #require(Bundle.main.executableURL)
            let executable = bundle.deletingLastPathComponent().appendingPathComponent("swallowtail")
            try #require(FileManager.default.isExecutableFile(atPath: executable.path))
            return executable
        }
    }
}
