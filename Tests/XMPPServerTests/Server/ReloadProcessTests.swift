import Foundation
import Subprocess
import Testing
import XMPP

@testable import XMPPServer

@Suite("A process that is told to reload", .timeLimit(.minutes(5))) struct ReloadProcessTests {
    private let folder: TestFolder
    private let configuration: String

    init() throws {
        folder = try TestFolder()
        configuration = "\(folder.path)/swallowtail.yaml"
        for domain in ["example.org", "new.example"] {
            try TestCertificate(domain).write(to: folder.path, as: domain)
        }
        try write(hosts: ["example.org"])
    }

    private func write(hosts: [String], more: String = "", port: String = "0") throws {
        let served = hosts.map { "  \($0): {certificate: \($0).crt, key: \($0).key}\n" }.joined()
        let text = """
            log: {format: json}
            \(more)
            hosts:
            \(served)
            listeners: [{addresses: ["127.0.0.1"], port: \(port)}]
            http-listeners: [{addresses: ["127.0.0.1"], port: 0}]
            """
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    /// Whether a stream to a host is answered with features; if not it ends with an error.
    private func serves(_ server: ServerProcess, _ host: String) async throws -> Bool {
        let client = try await TestClient(port: server.port)
        let isServed = (try? await client.open(host)) != nil
        try await client.close()
        return isServed
    }

    @Test("SIGHUP has the file read anew; what is wrong in it changes nothing and is in the log; nothing ends")
    func hangUp() async throws {
        let server = try await ServerProcess(configuration: configuration)
        let client = try await TestClient(port: server.port)
        _ = try await client.open()
        #expect(try await !serves(server, "new.example"))

        try write(hosts: ["example.org", "new.example"])
        server.hangUp()
        _ = await server.logged("\"message\":\"reloaded\"")
        let second = try await TestClient(port: server.port)
        _ = try await second.open("new.example")

        try write(hosts: ["example.org"], more: "limts: {}")
        server.hangUp()
        let refusal = await server.logged("the configuration is not reloaded")
        #expect(refusal.contains("limts") && refusal.contains("did you mean"))
        let third = try await TestClient(port: server.port)
        _ = try await third.open("new.example")
        for client in [client, second, third] { try await client.close() }
        #expect(try await server.terminate() == .exited(0))
    }

    @Test("Any number of signals, before the server is ready and after, leave it running with what the file says last")
    func storm() async throws {
        let server = try await ServerProcess(configuration: configuration)
        for number in 0..<200 {
            try write(hosts: number.isMultiple(of: 2) ? ["example.org", "new.example"] : ["example.org"])
            server.hangUp()
        }
        try write(hosts: ["example.org", "new.example"], more: "limits: {connections: 1000}")
        let last = try await CommandRun(["reload", "--config", configuration])
        #expect(last.status == .exited(0), "\(last.errors)")
        let client = try await TestClient(port: server.port)
        _ = try await client.open("new.example")
        try await client.close()
        #expect(try await server.terminate() == .exited(0))
    }

    @Test("A server that is killed while it reloads starts again with the file")
    func killed() async throws {
        for _ in 0..<3 {
            try write(hosts: ["example.org"])
            let server = try await ServerProcess(configuration: configuration)
            try write(hosts: ["example.org", "new.example"])
            server.hangUp()
            server.kill()
            _ = try await server.ended()
            let next = try await ServerProcess(configuration: configuration)
            let client = try await TestClient(port: next.port)
            _ = try await client.open("new.example")
            try await client.close()
            #expect(try await next.terminate() == .exited(0))
        }
    }

    @Test(
        "`plan` says what `reload` changes and what takes a restart; `reload` says what it has changed, or why it has not"
    )
    func commands() async throws {
        let none = try await CommandRun(["reload", "--config", configuration])
        #expect(none.status == .exited(1) && none.errors == "swallowtail: no server is running\n")
        let server = try await ServerProcess(configuration: configuration)
        let nothing = try await CommandRun(["plan", "--config", configuration])
        #expect(nothing.output == "Nothing is different.\n")

        try write(
            hosts: ["example.org", "new.example"],
            more: "limits: {connections: 7, event-loops: 3}\nlog: {level: debug, format: json}")
        // One key stands twice.
        let twice = try await CommandRun(["plan", "--config", configuration])
        #expect(twice.status == .exited(1))

        try write(hosts: ["example.org", "new.example"], more: "limits: {connections: 7, event-loops: 3}")
        let plan = try await CommandRun(["plan", "--config", configuration])
        for line in ["hosts.new.example", "limits.event-loops", "the next start on", "now on"] {
            #expect(plan.output.contains(line), "\(plan.output)")
        }
        #expect(try await !serves(server, "new.example"))
        let reload = try await CommandRun(["reload", "--config", configuration])
        #expect(reload.output == plan.output)
        #expect(try await serves(server, "new.example"))
        // What takes a restart still does.
        let rest = try await CommandRun(["plan", "--config", configuration, "--json"])
        #expect(rest.output.contains("limits.event-loops") && !rest.output.contains("new.example"))

        let other = try await ServerProcess(configuration: Self.other(folder))
        try write(hosts: ["example.org"], port: "\(other.port)")
        let taken = try await CommandRun(["reload", "--config", configuration])
        #expect(taken.status == .exited(1) && taken.errors.contains("another program listens there"))
        #expect(try await serves(server, "new.example"))
        try write(hosts: ["example.org"], more: "limts: {}")
        let wrong = try await CommandRun(["reload", "--config", configuration])
        #expect(wrong.status == .exited(1) && wrong.errors.contains("did you mean \"limits\"?"))
        #expect(try await other.terminate() == .exited(0))
        #expect(try await server.terminate() == .exited(0))
    }

    /// A second server in a folder of its own.
    private static func other(_ folder: TestFolder) throws -> String {
        let path = "\(folder.path)/other"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let text = """
            log: {format: json}
            hosts: {other.example: {authentication: {require-tls: off}}}
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            """
        try text.write(toFile: "\(path)/swallowtail.yaml", atomically: true, encoding: .utf8)
        return "\(path)/swallowtail.yaml"
    }

    @Test("A renewed certificate is shown on every kind of port")
    func certificate() async throws {
        let server = try await ServerProcess(configuration: configuration)
        let renewed = try TestCertificate("example.org")
        try renewed.write(to: folder.path, as: "example.org")
        server.hangUp()
        _ = await server.logged("\"message\":\"reloaded\"")
        for port in server.ports {
            let client = try await TestClient(port: port, tls: TestClient.TLS(name: "example.org"))
            #expect(client.certificate == (try renewed.der))
            try await client.close()
        }
        #expect(try await server.terminate() == .exited(0))
    }
}
