import Synchronization
import Testing

@testable import XMPPServer

/// Counts how often it is made.
private struct CountingModule: ServerModule {
    static let info = ModuleInfo("test-counting", implements: [.other("tests")])
    static let made = Atomic<Int>(0)

    init(host: Host, settings: NoSettings) { Self.made.add(1, ordering: .relaxed) }
    func register(_ registrar: inout Registrar) {}
}

@Suite struct ModuleInstanceTests {
    @Test func aModuleIsMadeOnceForEachHost() async throws {
        let server = try await TestServer(modules: [CountingModule.self])
        #expect(CountingModule.made.load(ordering: .relaxed) == server.server.hosts.all.count)
        await server.stop()
    }
}
