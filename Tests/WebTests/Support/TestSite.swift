import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOPosix
import SQLiteStorage
import Synchronization
import TestKit
import XMPP
import XMPPModules
import XMPPServer

@testable import Web

/// A server with its web side, on 127.0.0.1: the Messenger host with mary and john, password `tern and plover`.
final class TestSite: Sendable {
    static let domain = "messenger.localhost"
    static let password = "tern and plover"
    /// An app with an address of its own, and one that is a program.
    static let redirect = "https://app.example/back"

    let server: XMPPServer.Server
    let web: WebService
    let storage: FailingStorage
    let clock = TestClock()
    let log: TestLog
    let port: Int
    let streams: SocketAddress
    private let directory: TemporaryDirectory

    /// - Parameters:
    ///   - oauth: settings of the module, in YAML.
    ///   - top: further keys of the configuration, in YAML.
    ///   - modules: further modules of the host, in YAML.
    ///   - http: further settings of the HTTP listener, in YAML.
    ///   - former: a site that was stopped, whose data this one has.
    init(
        oauth: String = "", top: String = "", modules: String = "", http: String = "", after former: TestSite? = nil
    ) async throws {
        directory = try former?.directory ?? TemporaryDirectory()
        let text = """
            data: {directory: "\(directory.path)/data"}
            \(top)
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            http-listeners: [{addresses: ["127.0.0.1"], port: 0, tls: off\(http.isEmpty ? "" : ", \(http)")}]
            hosts:
              \(Self.domain):
                profile: messenger
                authentication: {require-tls: off, scram-iterations: 4096}
                modules: {web-pages: on, oauth: {\(oauth)}\(modules.isEmpty ? "" : ", \(modules)")}
            """
        let (root, report) = try ConfigFile.parse(text, file: "test.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all + WebModules.all)
        storage = FailingStorage(try SQLiteStorage(path: "\(directory.path)/store/test.db"))
        let log = TestLog()
        self.log = log
        server = try await Server(
            configuration, storage: storage,
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in TestLogHandler(log: log) },
            key: ServerKey(file: "\(directory.path)/store/secret.key"), now: { [clock] in clock.now },
            uptime: { [clock] in clock.uptime })
        let errors = report.finish()
        guard errors.isEmpty else { throw ServerError("\(errors)") }
        web = WebService(server)
        guard let streams = try await server.start().first, let port = try await web.start().first?.port else {
            throw ServerError("nothing is open")
        }
        self.streams = streams
        self.port = port
        guard former == nil else { return }
        let administration = Administration(server)
        for (id, name) in [("mary", "Mary"), ("john", "John")] {
            let account = NewAccount(
                host: Self.domain, id: id, accountID: "\(id)@contoso.example", displayName: name,
                password: Self.password)
            _ = try await administration.add(account)
        }
        let apps = [
            NewApp(host: Self.domain, id: "chat", name: "Chatter", redirects: [Self.redirect]),
            NewApp(
                host: Self.domain, id: "desk", name: "Desk",
                redirects: ["http://127.0.0.1/back", "com.example.desk:/back"]),
            NewApp(host: Self.domain, id: "service", name: "Service", redirects: [Self.redirect], hasSecret: true),
        ]
        for app in apps {
            if let secret = try await administration.add(app).secret { serviceSecretState.withLock { $0 = secret } }
        }
    }

    private let serviceSecretState = Mutex("")
    /// The secret of the app `service`.
    var serviceSecret: String { serviceSecretState.withLock { $0 } }

    var dataDirectory: String { "\(directory.path)/data" }
    var address: String { "http://\(Self.domain):\(port)" }
    var host: XMPPServer.Host { server.hosts[Self.domain]! }
    let mary = JID("mary@messenger.localhost")!
    let john = JID("john@messenger.localhost")!

    func stop() async {
        await server.closeListeners()
        await web.stop()
        await server.stop()
        await storage.close()
    }

    /// Runs a test on a site of its own.
    static func run(
        oauth: String = "", top: String = "", modules: String = "", http: String = "",
        _ body: (TestSite) async throws -> Void
    ) async throws {
        let site = try await TestSite(oauth: oauth, top: top, modules: modules, http: http)
        do {
            try await body(site)
        } catch {
            await site.stop()
            throw error
        }
        await site.stop()
    }
}

/// All that a server has logged.
final class TestLog: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

private struct TestLogHandler: LogHandler {
    let log: TestLog
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(log: TestLog) {
        self.log = log
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        log.add("\(event.level) \(event.message) \(metadata) \(event.metadata ?? [:])")
    }
}
