import Foundation
import Logging
import NIOCore

/// The service manager that started this process and wants to know how it is, by the protocol of `sd_notify(3)`. Without
/// one nothing is told.
struct ServiceManager: Sendable {
    /// What is told. The names are the protocol's.
    enum State {
        /// All ports are open, or a reload is over.
        case ready
        /// The configuration is read anew; `ready` follows.
        case reloading
        /// The process is about to end.
        case stopping
        /// The process does its work.
        case alive

        fileprivate var text: String {
            switch self {
            case .ready: return "READY=1"
            case .reloading:
                var time = timespec()
                clock_gettime(CLOCK_MONOTONIC, &time)
                return "RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)"
            case .stopping: return "STOPPING=1"
            case .alive: return "WATCHDOG=1"
            }
        }
    }

    private let socket: String?
    /// How long the process may say nothing before it is killed.
    private let patience: Duration?
    private let logger: Logger

    /// - Parameter environment: as the manager has set it: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    init(environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger) {
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        patience =
            isMeant
            ? environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
        self.logger = logger
    }

    func tell(_ state: State) {
        guard let socket else { return }
        let code = Self.send(state.text, to: socket)
        guard code != 0 else { return }
        logger.warning("the service manager is not told", metadata: ["reason": "\(String(cString: strerror(code)))"])
    }

    /// Says that the process is alive, twice in the time that the manager waits for that, as long as every event loop
    /// answers. Ends when the task is cancelled.
    func watch(_ group: any EventLoopGroup) async {
        guard let patience, socket != nil else { return }
        do {
            while true {
                for loop in group.makeIterator() { try await loop.submit {}.get() }
                tell(.alive)
                try await Task.sleep(for: patience / 2)
            }
        } catch {
            // Cancelled, or the loops have ended.
        }
    }

    /// - Returns: the error's number; 0 if it was sent.
    private static func send(_ text: String, to path: String) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
        // An abstract name begins with a zero byte.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        guard let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) else { return EINVAL }
        let type = CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Foundation.socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        let message = Array(text.utf8)
        let count = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(
                    descriptor, message, message.count, CInt(MSG_NOSIGNAL), $0,
                    socklen_t(offset + bytes.count))
            }
        }
        return count < 0 ? errno : 0
    }
}
