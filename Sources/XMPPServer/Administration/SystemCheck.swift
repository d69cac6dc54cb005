import Foundation
import NIOCore

/// Checks that this machine provides what a configuration needs: ports and folders. Leaves nothing behind.
public struct SystemCheck: Sendable {
    /// Whether the server with this configuration is running and holds its ports.
    private let isRunning: Bool

    /// A check with the rights of the current user.
    ///
    /// - Parameter isRunning: whether the server is running, so that its ports are rightly in use.
    public init(isRunning: Bool) {
        self.isRunning = isRunning
    }

    /// Everything that would keep the server from starting, with suggested fixes.
    public func problems(_ configuration: ServerConfiguration) -> [ConfigError] {
        folderProblems(configuration) + portProblems(configuration)
    }

    private struct Problem: Error {
        let text: String
        let fix: String
    }

    // MARK: Ports

    /// An address and port to listen on, with its place in the file.
    private struct Place {
        let section: ConfigSection
        let address: IPAddress
        let port: Int
    }

    private func portProblems(_ configuration: ServerConfiguration) -> [ConfigError] {
        let root = configuration.root
        let places =
            zip(root.list("listeners", ""), configuration.listeners).flatMap { section, listener in
                listener.addresses.map { Place(section: section, address: $0, port: listener.port) }
            }
            + zip(root.list("http-listeners", ""), configuration.httpListeners).flatMap { section, listener in
                listener.addresses.map { Place(section: section, address: $0, port: listener.port) }
            }
        let standard =
            root.has("listeners")
            ? []
            : configuration.listeners.flatMap { listener in
                listener.addresses.map { Place(section: root, address: $0, port: listener.port) }
            }
        // All stay open until the last is tried, so that conflicts between them show.
        var held: [CInt] = []
        defer { for descriptor in held { close(descriptor) } }
        var own: Set<Int> = []
        var problems: [ConfigError] = []
        for place in standard + places {
            do throws(Problem) {
                if let descriptor = try listen(place, own: own) { held.append(descriptor) }
                own.insert(place.port)
            } catch {
                problems.append(place.section.error("port", error.text, fix: error.fix))
            }
        }
        return problems
    }

    /// Listens as the server would; nil: the running server already does.
    private func listen(_ place: Place, own: Set<Int>) throws(Problem) -> CInt? {
        let descriptor = socket(
            place.address.isIPv4 ? AF_INET : AF_INET6, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var code = errno
        if descriptor >= 0 {
            code = bindAndListen(descriptor, place)
            if code == 0 { return descriptor }
            close(descriptor)
        }
        if code == EADDRINUSE, isRunning { return nil }
        throw Self.problem(code, address: place.address, port: place.port, own: own)
    }

    private func bindAndListen(_ descriptor: CInt, _ place: Place) -> CInt {
        var yes: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        guard let address = try? SocketAddress(ipAddress: place.address.description, port: place.port) else {
            return EADDRNOTAVAIL
        }
        return address.withSockAddr { pointer, size in
            guard bind(descriptor, pointer, socklen_t(size)) == 0, Foundation.listen(descriptor, 1) == 0 else {
                return errno
            }
            return 0
        }
    }

    private static func problem(_ code: CInt, address: IPAddress, port: Int, own: Set<Int>) -> Problem {
        let (text, fix) = explanation(code, address: address, port: port, own: own)
        return Problem(text: text, fix: fix)
    }

    /// Explains an error of `bind`.
    ///
    /// - Parameter own: the ports of the file's other listeners.
    static func explanation(
        _ code: CInt, address: IPAddress, port: Int, own: Set<Int>
    ) -> (text: String, fix: String) {
        switch code {
        case EADDRINUSE where own.contains(port):
            ("another listener of this file takes port \(port) of \(address)", "choose another port")
        case EADDRINUSE:
            (
                "another program listens on port \(port) of \(address)",
                "end it (\"ss -ltnp 'sport = :\(port)'\" names it), or choose another port"
            )
        case EACCES, EPERM:
            (
                "this user may not listen on port \(port)",
                "choose a port from 1024 on, or let the executable take it: setcap cap_net_bind_service=+ep FILE, "
                    + "or AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit of systemd"
            )
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            ("this machine does not have the address \(address)", "list one that \"ip address\" shows")
        default:
            ("cannot listen on port \(port) of \(address): \(UnixSocket.reason(code))", "choose another")
        }
    }

    // MARK: Folders

    private func folderProblems(_ configuration: ServerConfiguration) -> [ConfigError] {
        let data = configuration.data
        let section = configuration.root.section("data", "")
        func folder(_ path: String) -> String { URL(fileURLWithPath: path).deletingLastPathComponent().path }
        var problems: [ConfigError] = []
        func check(_ key: String, _ path: String, isMade: Bool) {
            do throws(Problem) {
                try checkFolder(path, isMade: isMade)
            } catch {
                problems.append(section.error(key, error.text, fix: error.fix))
            }
        }
        let directory = folder(data.keyFile)
        check("directory", directory, isMade: true)
        if folder(data.database) != directory { check("database", folder(data.database), isMade: true) }
        if folder(data.administrationSocket) != directory {
            check("administration-socket", folder(data.administrationSocket), isMade: false)
        }
        return problems
    }

    /// Tests whether files can be made in the folder, or the folder itself if it does not exist.
    private func checkFolder(_ path: String, isMade: Bool) throws(Problem) {
        var existing = path
        var isDirectory: ObjCBool = false
        while !FileManager.default.fileExists(atPath: existing, isDirectory: &isDirectory), existing != "/" {
            existing = URL(fileURLWithPath: existing).deletingLastPathComponent().path
        }
        guard isDirectory.boolValue else {
            throw Problem(text: "\(existing) is no folder", fix: "name a folder, or move the file out of the way")
        }
        guard existing == path || isMade else {
            throw Problem(
                text: "there is no folder \(path)", fix: "make it, and give it to the user who runs the server")
        }
        var template = Array("\(existing)/.swallowtail-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let what = existing == path ? "nothing can be made in \(path)" : "the folder \(path) cannot be made"
            throw Problem(
                text: "\(what): \(UnixSocket.reason(errno))",
                fix: "give \(existing) to the user who runs the server, or name another folder")
        }
        rmdir(template)
    }
}
