import Foundation

/// The command line's side of the administration socket. Blocks the thread.
public struct AdministrationClient: Sendable {
    /// How long a reply may take, in seconds. A command whose time depends on the amount of data may take any time.
    private static let patience = 60

    private let path: String

    /// A client of the server whose socket is at `path`.
    public init(path: String) {
        self.path = path
    }

    /// Whether a server is running, as far as this user may know.
    public var isServed: Bool {
        do {
            guard let descriptor = try UnixSocket.connect(path) else { return false }
            close(descriptor)
            return true
        } catch {
            // A server is there, but does not let this user connect.
            return true
        }
    }

    /// Sends a request to the running server.
    ///
    /// - Returns: nil if no server is running.
    /// - Throws: `AdministrationError` if the server cannot be asked or does not answer.
    public func perform(_ request: CommandRequest) throws -> CommandReply? {
        guard let descriptor = try UnixSocket.connect(path) else { return nil }
        defer { close(descriptor) }
        // How long a module's command takes is not known here.
        let isLasting = Administration.commands.first { $0.name == request.command }?.isLasting ?? true
        let patience = isLasting ? 0 : Self.patience
        var time = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        try send(Array(try JSONEncoder().encode(request)) + [UInt8(ascii: "\n")], descriptor)
        let line = try receiveLine(descriptor)
        guard let reply = try? JSONDecoder().decode(CommandReply.self, from: Data(line)) else {
            throw AdministrationError("the running server's answer cannot be read; it may be of another version")
        }
        return reply
    }

    private func send(_ bytes: [UInt8], _ descriptor: CInt) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw AdministrationError("cannot ask the running server: \(UnixSocket.reason(errno))")
            }
        }
    }

    private func receiveLine(_ descriptor: CInt) throws -> [UInt8] {
        var line: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = part.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count > 0 {
                line += part.prefix(count)
                if line.last == UInt8(ascii: "\n") { return line }
            } else if count == 0 {
                throw AdministrationError("the running server has ended before it answered")
            } else if errno != EINTR {
                throw AdministrationError("the running server does not answer: \(UnixSocket.reason(errno))")
            }
        }
    }
}
