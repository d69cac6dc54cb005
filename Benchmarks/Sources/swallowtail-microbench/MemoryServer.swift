import FoundationEssentials
import Logging
import NIOCore
import NIOEmbedded
import SQLiteStorage
import XMPPModules
import XMPPServer

/// A whole server without a network, with two people signed in. It keeps no archive: what a thread writes to the disk
/// meanwhile would be counted as the loop's, and is measured by itself.
final class MemoryServer: Sendable {
    let server: Server
    let loop = NIOAsyncTestingEventLoop()
    private let storage: SQLiteStorage
    private let folder = Folder()

    static let domain = "localhost"

    init() async throws {
        let text = """
            hosts:
              \(Self.domain):
                profile: standard
                authentication: {require-tls: off}
                limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
            profiles:
              standard:
                modules: {probe: on, archive: off, mam: off, archive-preferences: off, retraction: off}
            """
        let (root, report) = try ConfigFile.parse(text, file: "benchmark.yaml")
        let configuration = ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml)
        storage = try SQLiteStorage(path: "\(folder.path)/benchmark.db")
        server = try await Server(
            configuration, storage: storage, modules: StandardModules.all + [Probe.self], group: loop,
            logger: Logger(label: "benchmark", factory: { _ in SwiftLogNoOpLogHandler() }))
        let problems = report.finish()
        guard problems.isEmpty else { throw Broken("\(problems)") }
        for name in ["romeo", "juliet"] {
            guard let jid = JID("\(name)@\(Self.domain)"),
                let credential = SCRAMCredential.random(password: "secret", hash: .sha256, iterations: 4096)
            else { throw Broken("no account") }
            try await storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: [credential])])
        }
    }

    /// Signs somebody in, with the roster read and presence sent.
    func signIn(_ name: String) async throws -> MemoryClient {
        let client = MemoryClient(loop: loop)
        try await client.channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 40_000))
        try await loop.executeInContext { [server] in
            try server.accept(client.channel, on: server.configuration.listeners[0])
            try client.channel.pipeline.syncOperations.addHandler(client.output, position: .first)
        }
        let secret = Data("\0\(name)\0secret".utf8).base64EncodedString()
        try await client.ask(Benchmark.header, until: "</stream:features>")
        try await client.ask(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>", until: "<success")
        try await client.ask(Benchmark.header, until: "</stream:features>")
        try await client.ask(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>",
            until: "</iq>")
        try await client.ask(
            "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>"
                + "<iq type='get' id='p' to='\(Self.domain)'><ping xmlns='urn:xmpp:ping'/></iq>",
            until: "id=\"p\"")
        return client
    }
}

/// A client in memory.
final class MemoryClient: Sendable {
    let channel: NIOAsyncTestingChannel
    let output = Output()
    private let loop: NIOAsyncTestingEventLoop

    init(loop: NIOAsyncTestingEventLoop) {
        self.loop = loop
        channel = NIOAsyncTestingChannel(loop: loop)
    }

    /// Sends something and waits for what it brings.
    func ask(_ text: String, until expected: String) async throws {
        try await loop.executeInContext { [self] in
            output.text = ""
            receive(ByteBuffer(string: text))
        }
        for _ in 0..<10_000 {
            await loop.run()
            if try await loop.executeInContext({ [output] in output.text?.contains(expected) == true }) { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        let text = try await loop.executeInContext { [output] in
            defer { output.text = nil }
            return output.text ?? ""
        }
        guard text.contains(expected) else { throw Broken("no \(expected) in \(text)") }
    }

    /// How much the server has written to the client.
    func byteCount() async throws -> Int {
        try await loop.executeInContext { [output] in output.byteCount }
    }

    /// The server gets these bytes from the client. On the loop.
    func receive(_ bytes: ByteBuffer) {
        channel.pipeline.fireChannelRead(bytes)
        channel.pipeline.fireChannelReadComplete()
    }
}

/// Stands where a socket would be, and counts what is written to it.
final class Output: ChannelOutboundHandler, @unchecked Sendable {
    typealias OutboundIn = ByteBuffer

    private(set) var byteCount = 0
    /// What was written, while somebody wants to see it.
    var text: String?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        byteCount += bytes.readableBytes
        if text != nil { text?.append(String(buffer: bytes)) }
        promise?.succeed(())
    }

    func flush(context: ChannelHandlerContext) {}
}

/// A folder that goes with whoever has it.
final class Folder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "swallowtail-microbench-\(UUID())").path

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A moment of its own, with handlers that pass everything on.
struct Probe: ServerModule {
    static let info = ModuleInfo("probe", implements: [], summary: "Handlers that do nothing.")
    static let moment = HookPoint<Int>("probe")

    init(host: Host, configuration: ConfigSection) {}

    func register(_ registrar: inout Registrar) {
        for phase in [HookPhase.validate, .block, .rewrite, .deliver] {
            registrar.on(Self.moment, phase) { event in
                event &+= 1
                return .go
            }
        }
    }
}
