import Logging
import NIOCore
import NIOPosix
import SQLiteStorage
import XMPP
import XMPPModules

@testable import XMPPServer

/// A server on 127.0.0.1 with a store of its own, and with an account `romeo` and one `juliet`, password `secret`, on
/// each host.
final class TestServer: Sendable {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    let server: Server
    let storage: SQLiteStorage
    let folder: TestFolder
    /// One for each listener.
    let ports: [Int]
    let certificates: [String: TestCertificate]
    private let modules: [any ServerModule.Type]

    /// - Parameters:
    ///   - hosts: the domains; each has a certificate.
    ///   - settings: for every host, in YAML.
    ///   - listeners: of each listener what it has beside an address, in YAML.
    ///   - top: further keys of the configuration, in YAML.
    ///   - modules: beside the standard ones; every host has them.
    ///   - moduleSettings: for modules of every host, in YAML.
    ///   - logger: where the server logs; by default nowhere.
    init(
        hosts: [String] = ["example.org"],
        settings: String = "",
        listeners: [String] = ["tls: either"],
        top: String = "",
        modules: [any ServerModule.Type] = [],
        moduleSettings: String = "",
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) async throws {
        folder = try TestFolder()
        self.modules = modules
        var certificates: [String: TestCertificate] = [:]
        for host in hosts {
            certificates[host] = try TestCertificate(host)
            try certificates[host]?.write(to: folder.path, as: host)
        }
        self.certificates = certificates
        let own = (modules.map { "\($0.info.name): {}" } + [moduleSettings]).filter { !$0.isEmpty }.joined(
            separator: ", ")
        var text = top + "\nhosts:\n"
        for host in hosts {
            text += "  \(host): {certificate: \(host).crt, key: \(host).key, modules: {\(own)}"
            text += settings.isEmpty ? "}\n" : ", \(settings)}\n"
        }
        text += "listeners:\n"
        for listener in listeners { text += "  - {addresses: [\"127.0.0.1\"], port: 0, \(listener)}\n" }
        let (root, report) = try ConfigFile.parse(text, file: "\(folder.path)/swallowtail.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all + modules)
        storage = try SQLiteStorage(path: "\(folder.path)/store.db")
        server = try await Server(
            configuration, storage: storage, group: Self.group,
            logger: logger)
        let errors = report.finish()
        guard errors.isEmpty else { throw ServerError("\(errors)") }
        // Few iterations: what they cost an attacker, they cost a test.
        let credentials = [SCRAMHash.sha1, .sha256].compactMap {
            SCRAMCredential(password: "secret", hash: $0, salt: Array("saltsaltsaltsalt".utf8), iterations: 16)
        }
        for host in server.hosts.all {
            for user in ["romeo", "juliet"] {
                guard let jid = JID("\(user)@\(host.domain)") else { throw ServerError("no account") }
                try await storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: credentials)])
            }
        }
        ports = try await server.start().compactMap(\.port)
    }

    func host(_ domain: String = "example.org") throws -> Host {
        guard let host = server.hosts[domain] else { throw ServerError("no host") }
        return host
    }

    func connect(_ listener: Int = 0, tls: TestClient.TLS? = nil) async throws -> TestClient {
        try await TestClient(port: ports[listener], tls: tls)
    }

    /// A session with a bound resource, on TLS from the first byte.
    func session(
        _ user: String = "romeo", host: String = "example.org", resource: String? = nil, listener: Int = 0
    ) async throws -> TestClient {
        let client = try await connect(listener, tls: TestClient.TLS(name: host))
        try await client.signIn(user, host: host, resource: resource)
        return client
    }

    /// Has the server go by another configuration.
    ///
    /// - Parameter text: the file, of which `hosts` and `listeners` are needed.
    @discardableResult
    func reload(_ text: String) async throws -> [ConfigurationChange] {
        let (root, report) = try ConfigFile.parse(text, file: "\(folder.path)/swallowtail.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all + modules)
        let errors = report.finish()
        guard errors.isEmpty else { throw ServerError("\(errors)") }
        return try await server.reload { configuration }
    }

    func stop() async {
        await server.stop()
        await storage.close()
    }
}
