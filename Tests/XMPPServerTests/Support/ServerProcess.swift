import Foundation
import Synchronization
import Testing

/// `swallowtail serve` as a process of its own.
final class ServerProcess: Sendable {
    /// In the order in which they were opened.
    let ports: [Int]
    var port: Int { ports[0] }
    private let process: Process
    private let errors: Pipe

    /// Starts it and waits until it is ready.
    init(configuration: String) async throws {
        process = Process()
        errors = Pipe()
        process.executableURL = try Self.executable
        process.arguments = ["serve", "--config", configuration]
        process.standardInput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let reader = errors.fileHandleForReading
        let log = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var log = ""
                while !log.contains("\"message\":\"ready\""), case let data = reader.availableData, !data.isEmpty {
                    log += String(decoding: data, as: UTF8.self)
                }
                continuation.resume(returning: log)
                // The process must never wait for somebody to read.
                while !reader.availableData.isEmpty {}
            }
        }
        ports = log.matches(of: /"port":"?(\d+)/).compactMap { Int($0.output.1) }
        try #require(!ports.isEmpty, "\(log)")
    }

    var processID: Int32 { process.processIdentifier }

    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Sends SIGTERM and waits for the end.
    func terminate() async -> Int32 {
        process.terminate()
        return await ended()
    }

    func ended() async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [process] in
                process.waitUntilExit()
                continuation.resume(returning: process.terminationStatus)
            }
        }
    }

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
