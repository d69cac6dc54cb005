import Foundation
import Logging
import NIOPosix
import Testing

@testable import swallowtail

@Suite("What a service manager is told", .timeLimit(.minutes(1))) struct ServiceManagerTests {
    private let folder: TestFolder
    private let socket: String
    private let descriptor: CInt
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        folder = try TestFolder()
        socket = "\(folder.path)/n"
        descriptor = Foundation.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socket.utf8)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        try #require(code == 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    private func told() -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("The states, by the names of the protocol")
    func states() {
        defer { close(descriptor) }
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": socket], logger: logger)
        manager.tell(.ready)
        #expect(told() == "READY=1")
        manager.tell(.reloading)
        #expect(told().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        manager.tell(.stopping)
        #expect(told() == "STOPPING=1")
    }

    @Test("The process is alive as long as its loops answer, and says so again and again")
    func watchdog() async {
        defer { close(descriptor) }
        let manager = ServiceManager(
            environment: ["NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "\(getpid())"],
            logger: logger)
        let watching = Task { await manager.watch(MultiThreadedEventLoopGroup.singleton) }
        for _ in 0..<3 { #expect(told() == "WATCHDOG=1") }
        watching.cancel()
        await watching.value
    }

    @Test("Without a manager, or a watchdog for another process, nothing is told")
    func nobody() async {
        defer { close(descriptor) }
        let group = MultiThreadedEventLoopGroup.singleton
        await ServiceManager(environment: [:], logger: logger).watch(group)
        await ServiceManager(
            environment: ["NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"], logger: logger
        ).watch(group)
        ServiceManager(environment: ["NOTIFY_SOCKET": socket], logger: logger).tell(.stopping)
        #expect(told() == "STOPPING=1")
    }
}
