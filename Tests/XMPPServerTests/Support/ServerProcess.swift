import Foundation
import Subprocess
import Synchronization
import SystemPackage
import Testing

/// `swallowtail serve` as a process of its own.
final class ServerProcess: Sendable {
    /// In the order in which they were opened.
    let ports: [Int]
    var port: Int { ports[0] }
    let processID: pid_t
    private let log: ProcessLog
    private let end: Task<TerminationStatus, any Error>

    /// Starts it and waits until it is ready.
    init(configuration: String) async throws {
        let executable = try FilePath(Self.executable.path)
        let (starts, start) = AsyncStream<(processID: pid_t, log: String)>.makeStream()
        let kept = ProcessLog()
        log = kept
        end = Task {
            defer { start.finish() }
            return try await run(
                .path(executable), arguments: ["serve", "--config", configuration], input: .none, output: .discarded,
                error: .sequence
            ) { process in
                var log = ""
                var isReady = false
                // To the end: the process must never wait for somebody to read.
                for try await line in process.standardError.strings() {
                    kept.add(line)
                    guard !isReady else { continue }
                    log += line
                    isReady = line.contains("\"message\":\"ready\"")
                    if isReady { start.yield((process.processIdentifier.value, log)) }
                }
                if !isReady { start.yield((process.processIdentifier.value, log)) }
            }.terminationStatus
        }
        let started: String
        (processID, started) = try #require(await starts.first { _ in true })
        ports = started.matches(of: /"port":"?(\d+)/).compactMap { Int($0.output.1) }
        try #require(!ports.isEmpty, "\(started)")
    }

    func hangUp() { Foundation.kill(processID, SIGHUP) }

    /// Waits until so many lines of its log say that, and returns the last of them.
    func logged(_ text: String, times: Int = 1) async -> String { await log.line(with: text, times) }

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

/// What a process has logged.
private final class ProcessLog: Sendable {
    private struct State {
        var lines: [String] = []
        var waiting: [(text: String, times: Int, continuation: CheckedContinuation<String, Never>)] = []

        func find(_ text: String, _ times: Int) -> String? {
            let found = lines.filter { $0.contains(text) }
            return found.count >= times ? found[times - 1] : nil
        }
    }

    private let state = Mutex(State())

    func add(_ line: String) {
        let ready: [(CheckedContinuation<String, Never>, String)] = state.withLock { state in
            state.lines.append(line)
            let ready = state.waiting.compactMap { waiting in
                state.find(waiting.text, waiting.times).map { (waiting.continuation, $0) }
            }
            let found = state
            state.waiting.removeAll { found.find($0.text, $0.times) != nil }
            return ready
        }
        for (continuation, line) in ready { continuation.resume(returning: line) }
    }

    func line(with text: String, _ times: Int) async -> String {
        await withCheckedContinuation { continuation in
            let found: String? = state.withLock { state in
                if let found = state.find(text, times) { return found }
                state.waiting.append((text, times, continuation))
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
    }
}
