import NIOHTTP1
import TestKit
import Testing
import XMPPServer

@testable import Web

/// What those who watch the server are told.
@Suite struct HealthTests {
    @Test func aServerThatRunsIsLiveAndReady() async throws {
        try await TestSite.run(modules: "health: on") { site in
            let live = try await TestBrowser(site).get("/health/live")
            #expect(live.status == 200 && live.text == "live\n")
            let ready = try await TestBrowser(site).get("/health/ready")
            #expect(ready.status == 200 && ready.text == "ready\n")
            #expect(ready.headers.first(name: "cache-control") == "no-store")
        }
    }

    @Test func itIsNotReadyWhileTheStorageFails() async throws {
        try await TestSite.run(modules: "health: on") { site in
            site.storage.failFromNowOn()
            let ready = try await TestBrowser(site).get("/health/ready")
            #expect(ready.status == 503 && ready.text == "not ready\n")
            let live = try await TestBrowser(site).get("/health/live")
            #expect(live.status == 200)
            site.storage.recover()
            let again = try await TestBrowser(site).get("/health/ready")
            #expect(again.status == 200)
        }
    }

    @Test func itIsNotReadyWhenItStops() async throws {
        let site = try await TestSite(modules: "health: on")
        #expect(await site.server.isReady())
        await site.server.closeListeners()
        await site.web.stop()
        await site.server.stop()
        #expect(await !site.server.isReady())
        await site.storage.close()
    }

    @Test func nothingIsToldUnlessItIsOn() async throws {
        try await TestSite.run { site in
            for path in ["/health/live", "/health/ready"] {
                let answer = try await TestBrowser(site).get(path)
                #expect(answer.status == 404)
            }
        }
    }
}
