import Foundation
import NIOCore
import SwiftASN1
import TestKit
import Testing
import X509
import XMPP
import XMPPStream

@testable import XMPPServer

@Suite("A configuration that is reloaded", .timeLimit(.minutes(5))) struct ReloadTests {
    /// A configuration with one listener of any port.
    private func file(
        _ hosts: [String: String], listeners: [String] = ["port: 0"], top: String = ""
    ) -> String {
        var text = "\(top)\nhosts:\n"
        for (domain, settings) in hosts.sorted(by: { $0.key < $1.key }) {
            text +=
                "  \(domain): {certificate: \(domain).crt, key: \(domain).key\(settings.isEmpty ? "" : ", ")\(settings)}\n"
        }
        text += "listeners:\n"
        for listener in listeners { text += "  - {addresses: [\"127.0.0.1\"], tls: either, \(listener)}\n" }
        return text
    }

    private func add(_ user: String, _ domain: String, _ server: TestServer) async throws {
        let credential = try #require(
            SCRAMCredential(password: "secret", hash: .sha256, salt: Array("saltsaltsaltsalt".utf8), iterations: 16))
        let jid = try #require(JID("\(user)@\(domain)"))
        try await server.storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: [credential])])
    }

    // MARK: Settings and modules

    @Test("Other modules and settings hold at once for sessions that there are, which stay")
    func modules() async throws {
        let server = try await TestServer()
        let romeo = try await server.session()
        #expect(try await romeo.ping("p1").contains("result"))
        let former = try server.host().loaded
        let changes = try await server.reload(
            file(["example.org": "modules: {ping: off, time: on}, stanzas: {message-types: [chat]}"]))
        let places = Set(changes.map(\.place))
        #expect(places.isSuperset(of: ["hosts.example.org.modules.ping", "hosts.example.org.stanzas"]))
        #expect(try await romeo.ping("p2").contains("error"))
        try await romeo.send("<message id='m' type='headline' to='juliet@example.org'><body>no</body></message>")
        #expect(try await romeo.read(until: "</message>").contains("error"))
        // A module whose settings are the same is the same, with what it has in memory.
        let loaded = try server.host().loaded
        for module in loaded.modules where module.configured.info.name == "vcard" {
            #expect(former.modules.contains { $0 === module })
        }
        #expect(!loaded.modules.contains { $0.configured.info.name == "ping" })
        // The same once more is no change.
        #expect(
            try await server.reload(
                file(["example.org": "modules: {ping: off, time: on}, stanzas: {message-types: [chat]}"])
            ).isEmpty)
        #expect(try server.host().loaded === loaded)
        try await romeo.close()
        await server.stop()
    }

    @Test("A stanza that waits between two handlers goes on with those that it began with")
    func waiting() async throws {
        let server = try await TestServer(modules: [WaitingModule.self])
        let romeo = try await server.session()
        let juliet = try await server.session("juliet")
        try await juliet.send("<presence/>")
        _ = try await juliet.ping()
        try await romeo.send(
            "<message id='m' type='chat' gate='reload' to='juliet@example.org'><body>waits</body></message>")
        await WaitingModule.gate("asked for reload").opened()
        try await server.reload(
            file(["example.org": "modules: {archive: off, mam: off, archive-preferences: off, retraction: off}"]))
        WaitingModule.gate("reload").open()
        #expect(try await juliet.read(until: "</message>").contains("waits"))
        // The new ones hold for what comes now.
        try await romeo.send(
            "<message id='n' type='chat' gate='never' to='juliet@example.org'><body>passes</body></message>")
        #expect(try await juliet.read(until: "</message>").contains("passes"))
        for client in [romeo, juliet] { try await client.close() }
        await server.stop()
    }

    @Test("A module that is switched on knows what it has stored of accounts that are in memory already")
    func preload() async throws {
        let server = try await TestServer(moduleSettings: "blocking: off")
        let owner = try #require(JID("juliet@example.org"))
        let juliet = try await server.session("juliet")
        try await juliet.send("<presence/>")
        _ = try await juliet.ping()
        let stored = try #require(JID("romeo@example.org"))
        try await server.storage.commit([
            .putValue(store: "blocked", owner: owner, key: stored.string, [])
        ])
        try await server.reload(file(["example.org": ""]))
        let romeo = try await server.session()
        try await romeo.send("<message id='m' type='chat' to='juliet@example.org'><body>no</body></message>")
        #expect(try await romeo.read(until: "</message>").contains("error"))
        for client in [romeo, juliet] { try await client.close() }
        await server.stop()
    }

    // MARK: Hosts

    @Test("A new host is served, one that is gone ends its streams, and may come back")
    func hosts() async throws {
        let server = try await TestServer()
        try TestCertificate("new.example").write(to: server.folder.path, as: "new.example")
        try await add("romeo", "new.example", server)
        let early = try await server.session()
        try await server.reload(file(["example.org": "", "new.example": ""]))
        let romeo = try await server.session(host: "new.example")
        #expect(try await romeo.ping().contains("result"))
        // A stream that has not signed in yet.
        let slow = try await server.connect(tls: TestClient.TLS(name: "new.example"))
        _ = try await slow.open("new.example")

        try await server.reload(file(["example.org": ""]))
        #expect(await romeo.readToEnd().contains("<host-gone"))
        try await slow.authenticate("romeo", "secret")
        _ = try await slow.read(until: "<success")
        try await slow.send(TestClient.header("new.example"))
        _ = try await slow.read(until: "</stream:features>")
        try await slow.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        #expect(try await slow.read(until: "</iq>").contains("error"))
        let late = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        try await late.send(TestClient.header("new.example"))
        #expect(await late.readToEnd().contains("<host-unknown"))
        #expect(try await early.ping().contains("result"))

        try await server.reload(file(["example.org": "", "new.example": ""]))
        let again = try await server.session(host: "new.example")
        #expect(try await again.ping().contains("result"))
        for client in [early, slow, again] { try await client.close() }
        await server.stop()
    }

    // MARK: Certificates

    @Test("A new certificate is shown to new connections; one that has begun signs in by that which it was shown")
    func certificates() async throws {
        let server = try await TestServer()
        let first = try #require(server.certificates["example.org"])
        let before = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        let shown = try #require(server.server.certificates.streams)
        let second = try TestCertificate("example.org")
        try second.write(to: server.folder.path, as: "example.org")
        let changes = try await server.reload(file(["example.org": ""]))
        #expect(
            changes == [
                ConfigurationChange(
                    place: "hosts.example.org.certificate", change: "another certificate", effect: .connections)
            ])
        let after = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        #expect(after.certificate == (try second.der))
        #expect(before.certificate == (try first.der))
        let current = try #require(server.server.certificates.streams)
        let expected = ChannelBinding.serverEndPoint(leafDER: try second.der, signatureHash: .sha256)
        #expect(current.serverEndPoint(for: .named("example.org")) == expected)
        #expect(shown.serverEndPoint(for: .named("example.org")) != expected)
        // The former connection goes on.
        _ = try await before.signIn("romeo")
        #expect(try await before.ping().contains("result"))
        for client in [before, after] { try await client.close() }
        await server.stop()
    }

    @Test("Certificates that are replaced are shown within a minute, once their keys fit; connections stay")
    func replacedCertificates() async throws {
        let log = LogRecorder()
        let server = try await TestServer(hosts: ["example.org", "other.example"], logger: log.logger)
        let first = try #require(server.certificates["example.org"])
        let second = try TestCertificate("example.org")
        let certificate = "\(server.folder.path)/example.org.crt"
        let job = server.server.certificateJob
        #expect(job.interval == .seconds(60))
        func shown() async throws -> [UInt8]? {
            let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
            try await client.close()
            return client.certificate
        }

        let romeo = try await server.session()
        let unchanged = try #require(server.server.certificates.streams)
        await job.run()
        #expect(server.server.certificates.streams === unchanged)

        // Between the replacement of a certificate and that of its key, for longer than two looks.
        let former = try String(contentsOfFile: certificate, encoding: .utf8)
        try second.write(to: server.folder.path, as: "second")
        try FileManager.default.removeItem(atPath: certificate)
        await job.run()
        try FileManager.default.createSymbolicLink(atPath: certificate, withDestinationPath: "second.crt")
        for _ in 1...2 { await job.run() }
        #expect(try await shown() == first.der)
        #expect(log.lines.count { $0.hasPrefix("error replaced certificates are not used") } == 2)

        let key = "\(server.folder.path)/example.org.key"
        try String(contentsOfFile: "\(server.folder.path)/second.key", encoding: .utf8)
            .write(toFile: key, atomically: true, encoding: .utf8)
        await job.run()
        #expect(try await shown() == second.der)
        #expect(log.lines.count { $0.hasPrefix("info changed") && $0.contains("hosts.example.org.certificate") } == 1)
        #expect(try await romeo.ping().contains("result"))

        // A link that leads on to the same file with other contents.
        try first.key.serializeAsPEM().pemString.write(toFile: key, atomically: true, encoding: .utf8)
        try former.write(toFile: "\(server.folder.path)/second.crt", atomically: true, encoding: .utf8)
        await job.run()
        #expect(try await shown() == first.der)
        #expect(try await romeo.ping("p2").contains("result"))
        try await romeo.close()
        await server.stop()
    }

    @Test("A key that is another certificate's, of whichever host, is refused and changes nothing")
    func wrongKey() async throws {
        let server = try await TestServer(hosts: ["example.org", "other.example"])
        let shown = try #require(server.certificates["other.example"])
        for domain in ["example.org", "other.example"] {
            try TestCertificate(domain).write(to: server.folder.path, as: domain)
            let key = try TestCertificate(domain).key.serializeAsPEM().pemString
            try key.write(toFile: "\(server.folder.path)/\(domain).key", atomically: true, encoding: .utf8)
            await #expect(throws: ServerError.self) {
                try await server.reload(file(["example.org": "modules: {ping: off}", "other.example": ""]))
            }
            try server.certificates[domain]?.write(to: server.folder.path, as: domain)
        }
        let client = try await server.connect(tls: TestClient.TLS(name: "other.example"))
        #expect(client.certificate == (try shown.der))
        #expect(server.server.hosts["example.org"]?.offers("ping") == true)
        try await client.close()
        await server.stop()
    }

    // MARK: Listeners

    @Test("Listeners open and close by difference; one whose port is taken changes nothing")
    func listeners() async throws {
        let server = try await TestServer()
        let romeo = try await server.session()
        // The one that stays has no number, and is known by its place.
        let changes = try await server.reload(file(["example.org": ""], listeners: ["port: 0", "port: 0"]))
        #expect(changes.map(\.place).allSatisfy { $0 == "listeners" })
        let uses = server.server.streamPorts(of: server.server.configuration)
        let ports = server.server.addresses(of: uses).compactMap(\.port)
        #expect(ports.count == 2 && ports[0] == server.ports[0])
        let second = try await TestClient(port: ports[1], tls: TestClient.TLS(name: "example.org"))
        try await second.signIn("juliet")

        let taken = try await TestServer(hosts: ["taken.example"])
        await #expect(throws: ServerError.self) {
            try await server.reload(
                file(["example.org": "modules: {ping: off}"], listeners: ["port: 0", "port: \(taken.ports[0])"]))
        }
        #expect(server.server.configuration.listeners.count == 2)
        #expect(try await romeo.ping().contains("result"))
        let third = try await TestClient(port: ports[1])
        _ = try await third.open()

        try await server.reload(file(["example.org": ""]))
        await #expect(throws: (any Error).self) { try await TestClient(port: ports[1]) }
        // Whoever has come by it stays.
        _ = try await second.ping()
        #expect(try await romeo.ping().contains("result"))
        for client in [romeo, second, third] { try await client.close() }
        await taken.stop()
        await server.stop()
    }

    @Test("An address that is in the way of another of the same port gives way, and is back if the reload fails")
    func inTheWay() async throws {
        let server = try await TestServer()
        let port = server.ports[0]
        try await server.reload(file(["example.org": ""], listeners: ["port: \(port)"]))
        let numbered = try #require(
            server.server.addresses(of: server.server.streamPorts(of: server.server.configuration)).first?.port)
        let taken = try await TestServer(hosts: ["taken.example"])
        let wide = "hosts: {example.org: {certificate: example.org.crt, key: example.org.key}}\nlisteners:\n"
        await #expect(throws: ServerError.self) {
            try await server.reload(
                wide + "  - {addresses: [\"0.0.0.0\"], port: \(numbered)}\n"
                    + "  - {addresses: [\"127.0.0.1\"], port: \(taken.ports[0])}\n")
        }
        let client = try await TestClient(port: numbered)
        _ = try await client.open()
        try await server.reload(wide + "  - {addresses: [\"0.0.0.0\"], port: \(numbered)}\n")
        let other = try await TestClient(port: numbered)
        _ = try await other.open()
        for client in [client, other] { try await client.close() }
        await taken.stop()
        await server.stop()
    }

    // MARK: Limits

    @Test("Limits of the server hold at once, and what was counted stays counted")
    func limits() async throws {
        let server = try await TestServer()
        let first = try await server.connect()
        _ = try await first.open()
        try await server.reload(file(["example.org": ""], top: "limits: {connections: 1}"))
        let second = try await server.connect()
        #expect(await second.readToEnd() == "")
        try await server.reload(file(["example.org": ""], top: "limits: {connections-per-address: 2, event-loops: 7}"))
        #expect(server.server.configuration.limits.eventLoops == 0)
        let third = try await server.connect()
        _ = try await third.open()
        let fourth = try await server.connect()
        #expect(await fourth.readToEnd() == "")
        for client in [first, third] { try await client.close() }
        await server.stop()
    }

    @Test("Reloads that are asked for at once come one after the other")
    func manyAtOnce() async throws {
        let server = try await TestServer()
        let romeo = try await server.session()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<100 {
                let text = file(["example.org": "modules: {ping: \(number.isMultiple(of: 2) ? "on" : "off")}"])
                tasks.addTask { try await server.reload(text) }
            }
            for id in 0..<200 { #expect(try await !romeo.ping("p\(id)").isEmpty) }
            try await tasks.waitForAll()
        }
        try await server.reload(file(["example.org": ""]))
        #expect(try await romeo.ping("last").contains("result"))
        try await romeo.close()
        await server.stop()
    }
}
