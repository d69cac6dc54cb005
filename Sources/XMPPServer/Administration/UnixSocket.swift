import Foundation

/// Sockets in the file system.
enum UnixSocket {
    /// Makes a socket at `path` that only its owner may use; does not listen yet. A socket left over from a dead
    /// process is replaced.
    static func bind(_ path: String) throws(AdministrationError) -> CInt {
        let descriptor = try make()
        var code = call(Foundation.bind, descriptor, path)
        if code == EADDRINUSE {
            if let other = try connect(path) {
                close(other)
                close(descriptor)
                throw AdministrationError("another server answers at \(path)")
            }
            unlink(path)
            code = call(Foundation.bind, descriptor, path)
        }
        // Nobody can connect before `listen`, so the mode is set in time.
        if code == 0, chmod(path, 0o600) != 0 { code = errno }
        guard code == 0 else {
            close(descriptor)
            throw AdministrationError("cannot make the socket \(path): \(reason(code))")
        }
        return descriptor
    }

    /// Connects to the socket at `path`.
    ///
    /// - Returns: nil if there is none, or nobody listens on it.
    static func connect(_ path: String) throws(AdministrationError) -> CInt? {
        let descriptor = try make()
        let code = call(Foundation.connect, descriptor, path)
        if code == 0 { return descriptor }
        close(descriptor)
        switch code {
        case ENOENT, ENOTDIR, ECONNREFUSED: return nil
        case EACCES, EPERM:
            throw AdministrationError("a server is running, but this user may not administer it (\(path))")
        default: throw AdministrationError("cannot reach the server at \(path): \(reason(code))")
        }
    }

    static func remove(_ path: String) {
        unlink(path)
    }

    static func reason(_ code: CInt) -> String { String(cString: strerror(code)) }

    private static func make() throws(AdministrationError) -> CInt {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw AdministrationError("cannot make a socket: \(reason(errno))") }
        return descriptor
    }

    /// Calls a function that takes a socket address.
    ///
    /// - Returns: 0, or the error number.
    private static func call(
        _ function: (CInt, UnsafePointer<sockaddr>?, socklen_t) -> CInt, _ descriptor: CInt, _ path: String
    ) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard bytes.count < target.count else { return false }
            target.copyBytes(from: bytes)
            return true
        }
        guard fits else { return ENAMETOOLONG }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
    }
}
