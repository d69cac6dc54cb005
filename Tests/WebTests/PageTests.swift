import Foundation
import Hummingbird
import NIOCore
import NIOHTTP1
import Synchronization
import TestKit
import Testing
import XML
import XMPP
import XMPPServer

@testable import Web

/// The pages, and what protects them.
@Suite struct PageTests {
    // MARK: Sign-in

    @Test func everyAnswerIsSafeToShow() async throws {
        try await TestSite.run { site in
            for path in ["/", "/sign-in", "/style.css", "/nowhere", "/account"] {
                let headers = try await TestBrowser(site).get(path).headers
                #expect(headers.first(name: "x-content-type-options") == "nosniff")
                #expect(headers.first(name: "referrer-policy") == "no-referrer")
                let policy = headers.first(name: "content-security-policy") ?? ""
                #expect(
                    policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("script"))
            }
            #expect(try await TestBrowser(site).get("/", host: "evil.example").status == 421)
            #expect(try await TestBrowser(site).get("/", host: "messenger.localhost.evil.example").status == 421)
        }
    }

    @Test func theCookieIsForThisSiteAloneAndChangesAtSignIn() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            let first = try await browser.get("/sign-in").headers.first(name: "set-cookie") ?? ""
            #expect(first.contains("HttpOnly") && first.contains("SameSite=Lax") && first.contains("Path=/"))
            let before = browser.cookies["visitor"]
            // Somebody has planted a cookie of theirs; it is not the one that is signed in.
            let planted = String(repeating: "p", count: 32)
            browser.set(cookie: "visitor", to: planted)
            try await browser.signIn()
            #expect(browser.cookies["visitor"] != planted && browser.cookies["visitor"] != before)
            let thief = TestBrowser(site)
            thief.set(cookie: "visitor", to: planted)
            #expect(try await thief.get("/account").status == 303)
            #expect(try await browser.get("/account").status == 200)
            let key = try await browser.get("/account").fields(of: "/sign-out")
            _ = try await browser.post("/sign-out", key)
            #expect(try await browser.get("/account").status == 303)
        }
    }

    @Test(arguments: [
        "//evil.example", "https://evil.example/", "/\\evil.example", "evil", "/\t/evil.example", "/a\r\nX: y",
    ])
    func signInLeadsNowhereElse(_ next: String) async throws {
        try await TestSite.run { site in
            let answer = try await TestBrowser(site).signIn(next: next)
            #expect(answer.location == "/")
        }
    }

    @Test func aStrangerLearnsNothingOfWhoExists() async throws {
        try await TestSite.run(top: "limits: {trusted-addresses: [\"127.0.0.0/8\"]}") { site in
            let names = ["mary@contoso.example", "mary", "nobody@contoso.example", "nobody", "x y@@", ""]
            var seen: Set<[String]> = []
            for name in names {
                let browser = TestBrowser(site)
                let page = try await browser.get("/sign-in")
                let before = site.storage.calls
                let answer = try await browser.post(
                    "/sign-in", page.fields(of: "/sign-in") + [("name", name), ("password", "wrong")])
                let text = answer.text.replacing(#/value="[^"]*"/#, with: "").replacing(#/autofocus/#, with: "")
                seen.insert(["\(answer.status)", "\(site.storage.calls - before)", text])
            }
            #expect(seen.count == 1, "\(seen)")
        }
    }

    @Test func attemptsAreCountedByAccountAndByAddress() async throws {
        try await TestSite.run(top: "limits: {sign-ins: {per-account: 3, per-address: 5, time: 60s}}") {
            site async throws in
            let browser = TestBrowser(site)
            for _ in 0..<3 { #expect(try await browser.signIn(password: "x").status == 403) }
            #expect(try await browser.signIn().status == 429)
            #expect(try await browser.signIn("john@contoso.example", password: "x").status == 403)
            #expect(try await browser.signIn("john@contoso.example", password: "x").status == 403)
            #expect(try await browser.signIn("john@contoso.example").status == 429)
            site.clock.advance(by: .seconds(61))
            #expect(try await browser.signIn().status == 303)
        }
    }

    @Test func noMoreAreTriedAtOnceAndTheOwnerGetsInFromElsewhere() async throws {
        try await TestSite.run(
            top: "limits: {connections-per-address: 0, sign-ins: {per-account: 3}}", http: "proxies: [\"127.0.0.1\"]"
        ) { site in
            let tested = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        try await Self.signIn(site, password: "guess \(number)", from: "198.51.100.1").status
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(tested == [403: 3, 429: 47])
            #expect(try await Self.signIn(site, password: TestSite.password, from: "198.51.100.1").status == 429)
            #expect(try await Self.signIn(site, password: TestSite.password, from: "192.0.2.1").status == 303)
            // The wall clock does not keep anybody out, wherever it is set.
            site.clock.set(aheadBy: .seconds(-86_400))
            site.clock.advance(by: .seconds(60))
            #expect(try await Self.signIn(site, password: TestSite.password, from: "198.51.100.1").status == 303)
            #expect(site.log.text.contains("signed in"))
        }
    }

    @Test func anAccountHasSoManyBrowserSessionsAndTakesNoneOfOthers() async throws {
        try await TestSite.run { site in
            let sessions = BrowserSessions(of: site.host)
            let begin = site.host.now()
            func add(_ account: String, _ name: String, second: Int64) async throws {
                let session = BrowserSession(
                    account: try #require(JID(account)), credential: [], signedInAt: begin.adding(second * 1000))
                await sessions.add(session, name)
            }
            try await add("john@localhost", "john", second: 0)
            for number in 1...200 { try await add("mary@localhost", "mary \(number)", second: Int64(number)) }
            #expect(sessions.find("john") != nil)
            #expect((1...200).count { sessions.find("mary \($0)") != nil } == BrowserSessions.share)
            #expect(sessions.find("mary 200") != nil)
            // Those that had to go do not come back with a restart.
            let restarted = BrowserSessions(of: site.host)
            await restarted.load()
            #expect((1...200).count { restarted.find("mary \($0)") != nil } == BrowserSessions.share)
        }
    }

    private static func signIn(
        _ site: TestSite, password: String, from address: String
    ) async throws -> TestBrowser.Answer {
        let browser = TestBrowser(site)
        let page = try await browser.get("/sign-in")
        return try await browser.post(
            "/sign-in", page.fields(of: "/sign-in") + [("name", "mary@contoso.example"), ("password", password)],
            headers: ["X-Forwarded-For": address])
    }

    @Test func onlyAProxyOfOursSaysForWhomItAsks() async throws {
        // Who is no proxy counts by its own address, whatever it says.
        try await TestSite.run(top: "limits: {sign-ins: {per-account: 3}}") { site in
            for number in 1...3 {
                let answer = try await Self.signIn(site, password: "x", from: "198.51.100.\(number)")
                #expect(answer.status == 403)
            }
            #expect(try await Self.signIn(site, password: "x", from: "198.51.100.4").status == 429)
        }
        // What a client says itself stands left of what the proxy adds.
        try await TestSite.run(
            top: "limits: {sign-ins: {per-account: 3}}", http: "proxies: [\"127.0.0.1\", \"192.0.2.0/24\"]"
        ) { site async throws in
            for number in 1...3 {
                let forged = "203.0.113.\(number), 198.51.100.1, 192.0.2.7"
                #expect(try await Self.signIn(site, password: "x", from: forged).status == 403)
            }
            #expect(try await Self.signIn(site, password: "x", from: "203.0.113.4, 198.51.100.1").status == 429)
            #expect(try await Self.signIn(site, password: "x", from: "198.51.100.2").status == 403)
        }
    }

    @Test func whoSaysForWhomItAsksIsRead() throws {
        let proxy = try #require(IPAddress("192.0.2.7"))
        let proxies = try [#require(CIDRBlock("192.0.2.0/24"))]
        func client(_ headers: [String], forwarded: [String] = []) -> String {
            ForwardedFor(xForwardedFor: headers, forwarded: forwarded).client(behind: proxy, proxies).description
        }
        #expect(client([]) == "192.0.2.7")
        #expect(client(["198.51.100.1"]) == "198.51.100.1")
        #expect(client(["203.0.113.1", "198.51.100.1 ,\t192.0.2.8"]) == "198.51.100.1")
        #expect(client(["198.51.100.1:4711"]) == "198.51.100.1")
        #expect(client(["[2001:db8::1]:4711"]) == "2001:db8::1")
        #expect(client(["2001:db8::1"]) == "2001:db8::1")
        #expect(client(["198.51.100.1, unknown"]) == "192.0.2.7")
        #expect(client(["198.51.100.1,"]) == "192.0.2.7")
        #expect(client([], forwarded: ["for=198.51.100.1;proto=https"]) == "198.51.100.1")
        #expect(client([], forwarded: ["for=203.0.113.1, proto=https;For=\"[2001:db8::1]:80\""]) == "2001:db8::1")
        #expect(client([], forwarded: ["for=\"198.51.100.1, for=203.0.113.1\""]) == "192.0.2.7")
        #expect(client([], forwarded: ["for=_hidden"]) == "192.0.2.7")
        #expect(client(["198.51.100.1"], forwarded: ["for=203.0.113.1"]) == "198.51.100.1")
        let stranger = try #require(IPAddress("198.51.100.9"))
        #expect(
            ForwardedFor(xForwardedFor: ["203.0.113.1"], forwarded: []).client(behind: stranger, proxies) == stranger)
    }

    @Test func behindAProxyEachClientHasConnectionsOfItsOwn() async throws {
        try await TestSite.run(
            top: "limits: {connections-per-address: 3}", modules: "websocket: on", http: "proxies: [\"127.0.0.1\"]"
        ) { site in
            func connect(_ address: String) async throws -> TestSocket { try await TestSocket(site, from: address) }
            var sockets: [TestSocket] = []
            for number in 1...12 { sockets.append(try await connect("198.51.100.\(number)")) }
            for socket in sockets { #expect(await socket.isOpen()) }
            for address in ["198.51.100.1", "198.51.100.1", "198.51.100.2"] {
                let further = try await connect(address)
                #expect(await further.isOpen())
            }
            let tooMany = try await connect("198.51.100.1")
            #expect(await !tooMany.isOpen())
            // Requests count by their client's address, too.
            let busy = try await TestBrowser(site).send(
                .GET, "/sign-in", headers: ["X-Forwarded-For": "198.51.100.1"], body: nil)
            #expect(busy.status == 429)
            #expect(
                try await TestBrowser(site).send(
                    .GET, "/sign-in", headers: ["X-Forwarded-For": "198.51.100.3"], body: nil
                ).status == 200)
        }
    }

    @Test func formsComeFromOurOwnPagesOnly() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            for path in [
                "/sign-out", "/account/profile", "/account/history", "/account/apps", "/account/password",
                "/account/delete",
                "/contacts/answer", "/contacts/remove",
            ] {
                let answer = try await browser.post(path, [("form-key", "x"), ("keep", "off"), ("contact", "a@b")])
                #expect(answer.status == 403, "\(path)")
            }
            #expect(try await site.storage.account(site.mary)?.keepsHistory == true)
        }
    }

    // MARK: Account

    @Test func aPersonLooksAfterTheirAccount() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let page = try await browser.get("/account")
            let key = page.fields(of: "/account/profile")
            let saved = try await browser.submit(
                "/account/profile", key + [("display-name", "<Mary> & co\u{1}"), ("personal-message", "Gone fishing")])
            #expect(
                saved.message == "Saved." && saved.text.contains("&lt;Mary&gt; &amp; co")
                    && !saved.text.contains("<Mary>"))
            let account = try await site.storage.account(site.mary)
            #expect(account?.displayName == "<Mary> & co" && account?.personalMessage == "Gone fishing")
            _ = try await browser.post("/account/history", key + [("keep", "off")])
            #expect(try await site.storage.account(site.mary)?.keepsHistory == false)
        }
    }

    private func upload(_ bytes: String, _ action: String, _ browser: TestBrowser) async throws -> TestBrowser.Answer {
        let key = try #require(try await browser.get("/account").fields(of: "/account/photo").first?.value)
        let parts = [("form-key", key), ("action", action)].map {
            "--b\r\nContent-Disposition: form-data; name=\"\($0)\"\r\n\r\n\($1)\r\n"
        }
        let file =
            "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"x.png\"\r\n"
            + "Content-Type: image/png\r\n\r\n\(bytes)\r\n--b--\r\n"
        let answer = try await browser.post(
            "/account/photo", body: parts.joined() + file, type: "multipart/form-data; boundary=b")
        return try await browser.shown(by: answer)
    }

    @Test func aPhotoIsWhatItsFirstBytesSay() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            #expect(try await upload("<script>", "set", browser).message?.contains("neither") == true)
            #expect(
                try await upload("GIF89a" + String(repeating: "x", count: 65_536), "set", browser).message?.contains(
                    "larger") == true)
            #expect(
                try await upload(String(repeating: "x", count: 200_000), "set", browser).message?.contains("larger")
                    == true)
            #expect(try await upload("GIF89a and so on", "set", browser).status == 200)
            let photo = try await browser.get("/account/photo")
            #expect(photo.text == "GIF89a and so on" && photo.headers.first(name: "content-type") == "image/gif")
            #expect(photo.headers.first(name: "x-content-type-options") == "nosniff")
            _ = try await upload("", "remove", browser)
            #expect(try await browser.get("/account/photo").status == 404)
        }
    }

    @Test func anAppIsSignedOutWhereItIsListed() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let session = try await TestStream.signedIn(try await browser.tokens().access, on: site)
            let other = try await TestStream.signedIn(
                try await browser.tokens(["client_id": "chat", "scope": "wl.messenger wl.basic"]).access, on: site)
            let page = try await browser.get("/account")
            #expect(page.text.contains("Chatter") && page.text.contains("signed in now"))
            let grant = try #require(
                try await site.storage.grants(of: site.mary).first { $0.scopes.contains("wl.offline_access") })
            let key = page.fields(of: "/account/profile")
            let john = TestBrowser(site)
            try await john.signIn("john@contoso.example")
            let foreign = try await john.post(
                "/account/apps", try await john.get("/account").fields(of: "/account/profile") + [("grant", grant.id)])
            #expect(foreign.status == 422)
            #expect(try await session.isAlive())
            _ = try await browser.post("/account/apps", key + [("grant", grant.id)])
            #expect(try await session.isEnded())
            #expect(try await other.isAlive())
        }
    }

    @Test func aNewPasswordEndsWhatTheFormerOneHasOpened() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let elsewhere = TestBrowser(site)
            try await elsewhere.signIn()
            let session = try await TestStream.signedIn(try await browser.tokens().access, on: site)
            let key = try await browser.get("/account").fields(of: "/account/password")
            func change(_ current: String, _ new: String, _ again: String) async throws -> TestBrowser.Answer {
                try await browser.submit(
                    "/account/password", key + [("current", current), ("new", new), ("again", again)])
            }
            #expect(try await change(TestSite.password, "short", "short").status == 422)
            #expect(try await change(TestSite.password, "long enough", "not the same").status == 422)
            #expect(try await change("wrong", "long enough", "long enough").status == 422)
            #expect(try await session.isAlive())
            #expect(try await change(TestSite.password, "long enough", "long enough").status == 200)
            #expect(try await session.isEnded())
            #expect(try await browser.get("/account").status == 200)
            #expect(try await elsewhere.get("/account").status == 303)
            #expect(try await TestBrowser(site).signIn(password: "long enough").status == 303)
        }
    }

    @Test func anAccountIsDeletedByItsOwnerAlone() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let session = try await TestStream.signedIn(try await browser.tokens().access, on: site)
            let key = try await browser.get("/account/delete").fields(of: "/account/delete")
            #expect(try await browser.post("/account/delete", key + [("password", "wrong")]).status == 403)
            let deleted = try await browser.submit("/account/delete", key + [("password", TestSite.password)])
            #expect(deleted.status == 200 && deleted.message?.contains("deleted") == true)
            #expect(try await session.isEnded())
            #expect(try await site.storage.account(site.mary) == nil)
            #expect(try await browser.get("/account").status == 303)
        }
    }

    @Test func thePersonTakesTheirDataAlong() async throws {
        try await TestSite.run { site in
            let administration = Administration(site.server)
            try await administration.addContact(AccountName(site.john.string), to: AccountName(site.mary.string))
            let stanza = "<message xmlns='jabber:client' type='chat'><body>a &lt; b</body></message>"
            for number in 1...450 {
                try await site.storage.commit([
                    .append(
                        ArchiveEntry(
                            id: ArchiveID(rawValue: Int64(number)), collection: ArchiveEntry.archive, owner: site.mary,
                            peer: site.john, isIncoming: number % 2 == 0, time: site.clock.now,
                            stanza: Array(stanza.utf8)))
                ])
            }
            let bookmarks = "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"
            try await site.storage.commit([
                .putValue(store: "private", owner: site.mary, key: "storage", Array(bookmarks.utf8)),
                .putValue(store: "blocked", owner: site.mary, key: "spam.example", []),
            ])
            let browser = TestBrowser(site)
            try await browser.signIn()
            let xml = try await browser.get("/account/export.xml")
            #expect(xml.headers.first(name: "content-disposition")?.hasPrefix("attachment") == true)
            let document = try Element(
                parsing: .init(string: xml.text.drop { $0 != "\n" }.dropFirst().description),
                limits: XMLLimits(stanzaBytes: 1 << 20))
            let user = try #require(Array(document.children).first.flatMap { Array($0.children).first })
            #expect(document.name == "server-data" && user["name"] == "mary")
            #expect(Array(user.children).first { $0.name == "archive" }.map { Array($0.children).count } == 450)
            #expect(user.child("query", .roster)?.child("item", .roster)?["jid"] == site.john.string)
            #expect(user.child("query", "jabber:iq:private")?.hasChild("storage", "storage:bookmarks") == true)
            #expect(user.child("blocklist", "urn:xmpp:blocking")?.firstChild?["jid"] == "spam.example")
            let json = try await browser.get("/account/export.json").json
            #expect((json["messages"] as? [[String: Any]])?.count == 450)
            #expect((json["messages"] as? [[String: Any]])?.first?["text"] as? String == "a < b")
        }
    }

    /// Whatever is stored for an account, under whatever name, is in both files: nothing has to be told of a new store.
    @Test(arguments: ["xml", "json"])
    func nothingIsLeftOutOfWhatThePersonTakesAlong(_ format: String) async throws {
        try await TestSite.run { site in
            let (mary, storage) = (site.mary, site.storage)
            let roster = RosterItem(
                jid: try #require(JID("mark-contact@contoso.example")), name: "mark-name", groups: ["mark-group"],
                isListed: true)
            let asking = RosterItem(
                jid: try #require(JID("eve@contoso.example")), isListed: false,
                invitation: Array("<presence xmlns='jabber:client'><status>mark-request</status></presence>".utf8))
            let approved = RosterItem(
                jid: try #require(JID("mark-approved@contoso.example")), isListed: false, isApproved: true)
            let stores = [
                "archive-preferences", "archiving-modes", "push", "last-activity", "private", "blocked", "vcard",
                "one-of-next-year",
            ]
            var changes: [StorageChange] = [.updateAccount(mary, AccountUpdate(personalMessage: "mark-account"))]
            for item in [roster, asking, approved] { changes.append(.putRosterItem(owner: mary, item)) }
            for store in stores {
                let value = "<mark-value-\(store)/>"
                changes.append(.putValue(store: store, owner: mary, key: "mark-key-\(store)", Array(value.utf8)))
            }
            let card = "<vCard xmlns='vcard-temp'><mark-value-vcard/></vCard>"
            changes.append(.putValue(store: "vcard", owner: mary, key: "", Array(card.utf8)))
            try await storage.commit(changes)
            let session = StoredSession(
                id: 7, jid: try #require(JID("\(mary)/mark")), secret: "secret-of-session", boundAt: site.clock.now,
                time: .seconds(60), token: nil, userAgent: nil, handled: 0, presence: nil, flags: [])
            let message = UnacknowledgedMessage(
                position: 1, isNumbered: true, others: [], time: site.clock.now,
                stanza: Array("<message xmlns='jabber:client'><body>mark-unacknowledged</body></message>".utf8))
            let now = site.clock.now.xep0082
            let nonce = Base64.encode(Array("secret-nonce".utf8))
            let device = """
                <device xmlns='urn:swallowtail:device' id='1' software='mark-software' name='mark-device' methods='password'
                first-seen='\(now)' last-seen='\(now)'><current nonce='\(nonce)' mechanism='HT-SHA-256-NONE' created='\(now)'
                expires='\(now)'/></device>
                """
            try await storage.commit([
                .putSession(session), .appendUnacknowledged(session: 7, message),
                .putValue(store: Device.storeName, owner: mary, key: "1", Array(device.utf8)),
                Invitation.store(in: storage).putting(
                    Invitation(
                        inviter: mary, createdAt: site.clock.now,
                        expiresAt: try #require(Timestamp("2031-05-06T07:08:09Z"))),
                    site.host.jid, key: "secret-key"),
            ])
            for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
                try await storage.commit([
                    .append(
                        ArchiveEntry(
                            id: ArchiveID(rawValue: collection == ArchiveEntry.archive ? 1 : 2), collection: collection,
                            owner: mary, peer: site.john, isIncoming: true, time: site.clock.now,
                            stanza: Array(
                                "<message xmlns='jabber:client'><body>mark-\(collection)</body></message>".utf8)))
                ])
            }

            let browser = TestBrowser(site)
            try await browser.signIn()
            let file = try await browser.get("/account/export.\(format)").text
            var marks = [
                "mark-account", "mark-contact", "mark-name", "mark-group", "mark-request", "mark-approved",
                "mark-software",
                "mark-device", "mark-unacknowledged", "mark-archive", "mark-offline", "2031-05-06T07:08:09Z",
            ]
            for store in stores where store != "blocked" { marks.append("mark-value-\(store)") }
            marks.append("mark-key-blocked")
            for mark in marks { #expect(file.contains(mark), "\(mark)") }
            #expect(!file.contains("secret-") && !file.contains(nonce))
        }
    }

    /// Each piece is work for the connection's loop: a piece for each message would keep it from all others.
    @Test(arguments: [AccountExport.Format.xep0227, .json])
    func whatThePersonTakesAlongGoesOutInLargePieces(_ format: AccountExport.Format) async throws {
        try await TestSite.run { site in
            let stanza = Array("<message xmlns='jabber:client'><body>hi</body></message>".utf8)
            try await site.storage.commit(
                (1...500).map { number in
                    .append(
                        ArchiveEntry(
                            id: ArchiveID(rawValue: number), collection: ArchiveEntry.archive, owner: site.mary,
                            peer: site.john, isIncoming: true, time: site.clock.now, stanza: stanza))
                })
            let record = try #require(try await site.host.accounts.load(site.mary))
            var pieces = PieceCount()
            try await AccountExport(of: record, on: site.host).write(format, to: &pieces)
            #expect(pieces.bytes > 50_000)
            #expect(pieces.count <= pieces.bytes / 32_768 + 1)
        }
    }

    // MARK: Contacts

    @Test func invitationsAreAnsweredAndContactsRemoved() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn("john@contoso.example")
            let marys = TestBrowser(site)
            try await marys.signIn()
            let mary = try await TestStream.signedIn(try await marys.tokens().access, on: site)
            try await mary.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
            _ = try await mary.next("iq")
            func invite() async throws {
                try await mary.send("<presence type='subscribe' to='john@messenger.localhost'/>")
                #expect(try await mary.isAlive())
            }
            try await invite()
            let page = try await browser.get("/contacts")
            #expect(page.text.contains("<strong>Mary</strong> wants to be your contact"))
            let fields = page.fields(of: "/contacts/answer")
            let declined = try await browser.submit("/contacts/answer", fields + [("answer", "decline")])
            #expect(declined.message == "The invitation is declined." && !declined.text.contains("wants to be"))
            try await invite()
            let accepted = try await browser.submit("/contacts/answer", fields + [("answer", "accept")])
            #expect(accepted.message == "You are contacts now.")
            #expect(try await site.host.accounts.load(site.mary)?.rosterItem(site.john)?.state == .both)
            let removed = try await browser.submit("/contacts/remove", fields)
            #expect(removed.message == "The contact is removed.")
            #expect(try await site.host.accounts.load(site.mary)?.rosterItem(site.john) == nil)
        }
    }

    // MARK: First steps

    @Test func theFieldThatIsEmptyHasTheFocus() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            func focus(_ page: TestBrowser.Answer) -> [String] {
                page.text.matches(of: /<input id="([^"]*)"[^>]*autofocus/).map { String($0.output.1) }
            }
            let page = try await browser.get("/sign-in")
            #expect(focus(page) == ["name"])
            let wrong = page.fields(of: "/sign-in") + [("name", "mary@contoso.example"), ("password", "x")]
            #expect(focus(try await browser.post("/sign-in", wrong)) == ["password"])
        }
    }

    @Test func whatCannotBeUndoneIsAskedForFirst() async throws {
        try await TestSite.run { site in
            let administration = Administration(site.server)
            try await administration.addContact(AccountName(site.john.string), to: AccountName(site.mary.string))
            try await site.storage.commit([
                .append(
                    ArchiveEntry(
                        id: ArchiveID(rawValue: 1), collection: ArchiveEntry.archive, owner: site.mary, peer: site.john,
                        isIncoming: false, time: site.clock.now, stanza: Array("<message/>".utf8)))
            ])
            let browser = TestBrowser(site)
            try await browser.signIn()
            let account = try await browser.get("/account")
            #expect(!account.text.contains("value=\"delete\"") && account.text.contains("/account/history/delete"))
            let history = try await browser.get("/account/history/delete")
            let query = ArchiveQuery(collection: ArchiveEntry.archive, owner: site.mary)
            #expect(try await site.storage.archived(query).count == 1)
            let deleted = try await browser.submit("/account/history", history.fields(of: "/account/history"))
            #expect(deleted.message == "Your history is deleted.")
            #expect(try await site.storage.archived(query).isEmpty)

            let contacts = try await browser.get("/contacts")
            #expect(!contacts.text.contains("action=\"/contacts/remove\""))
            let link = "/contacts/remove?" + Form.encode([("contact", site.john.string)])
            #expect(contacts.text.contains(link))
            let contact = try await browser.get(link)
            #expect(contact.text.contains("Remove John?"))
            #expect(try await site.host.accounts.load(site.mary)?.rosterItem(site.john) != nil)
            let removed = try await browser.submit("/contacts/remove", contact.fields(of: "/contacts/remove"))
            #expect(removed.message == "The contact is removed.")
            for path in ["/account/history/delete", "/contacts/remove?contact=a@b", "/account/photo/remove"] {
                #expect(try await TestBrowser(site).get(path).location?.hasPrefix("/sign-in?") == true)
            }
            #expect(try await browser.get("/contacts/remove?contact=nobody@nowhere.example").location == "/contacts")
        }
    }

    @Test func aPageThatIsLoadedAnewSendsNothingAgain() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let key = try await browser.get("/account").fields(of: "/account/profile")
            let fields = key + [("display-name", "Mary"), ("personal-message", ""), ("keep", "on")]
            for path in ["/account/profile", "/account/history"] {
                let answer = try await browser.post(path, fields)
                #expect(answer.status == 303 && answer.location == "/account")
                #expect(try await TestBrowser(site).get("/sign-in").message == nil)
                #expect(try await browser.get("/account").message != nil)
                #expect(try await browser.get("/account").message == nil)
            }
        }
    }

    @Test func aSignInOutlivesARestartAndNothingElse() async throws {
        let site = try await TestSite()
        let browser = TestBrowser(site)
        try await browser.signIn()
        let john = TestBrowser(site)
        try await john.signIn("john@contoso.example")
        let gone = TestBrowser(site)
        try await gone.signIn()
        _ = try await gone.post("/sign-out", try await gone.get("/account").fields(of: "/sign-out"))
        let form = try await browser.get("/account").fields(of: "/account/profile")
        let stored = try await site.storage.values("browser-session", site.host.jid)
        #expect(stored.count == 2)
        let cookie = try #require(browser.cookies["visitor"])
        #expect(
            !stored.contains { $0.key.contains(cookie) || String(decoding: $0.value, as: UTF8.self).contains(cookie) })
        try await Administration(site.server).setPassword("another one", of: AccountName(site.john.string))
        await site.stop()

        let restarted = try await TestSite(after: site)
        let after = browser.moved(to: restarted)
        #expect(try await after.get("/account").status == 200)
        let saved = try await after.submit(
            "/account/profile", form + [("display-name", "M"), ("personal-message", "")])
        #expect(saved.message == "Saved.")
        #expect(try await john.moved(to: restarted).get("/account").status == 303)
        #expect(try await gone.moved(to: restarted).get("/account").status == 303)
        restarted.clock.advance(by: .seconds(13 * 3600))
        #expect(try await after.get("/account").status == 303)
        // Whoever signs in clears away what is over.
        try await TestBrowser(restarted).signIn()
        #expect(try await restarted.storage.values("browser-session", restarted.host.jid).count == 1)
        await restarted.stop()
    }

    @Test func anotherAccountOfTheSameNameHasNoneOfTheFormerOnesSignIns() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let administration = Administration(site.server)
            try await administration.remove(AccountName(site.mary.string))
            let account = NewAccount(
                host: TestSite.domain, id: "mary", accountID: "mary@contoso.example", displayName: "Mary",
                password: TestSite.password)
            _ = try await administration.add(account)
            #expect(try await browser.get("/account").status == 303)
        }
    }

    @Test func whoTypesAnotherNameIsToldTheRightOneAtThisMachineAlone() async throws {
        try await TestSite.run { site in
            for host in ["127.0.0.1:\(site.port)", "localhost", "[::1]:5280"] {
                let answer = try await TestBrowser(site).get("/", host: host)
                #expect(answer.status == 421 && answer.text.contains("href=\"\(site.address)/\""), "\(host)")
            }
            let forwarded = try await TestBrowser(site).send(
                .GET, "/", headers: ["x-forwarded-for": "192.0.2.1"], body: nil, host: "127.0.0.1")
            let stranger = try await TestBrowser(site).get("/", host: "evil.example")
            for answer in [forwarded, stranger] {
                #expect(answer.status == 421 && answer.text.contains("no site of this name"))
                #expect(!answer.text.contains(TestSite.domain))
            }
            let nowhere = try await TestBrowser(site).get("/nowhere")
            #expect(nowhere.status == 404 && nowhere.text.contains("There is no such page"))
        }
    }

    @Test func whatComesByTLSStaysThere() async throws {
        try await TestSite.run { site in
            let name = "strict-transport-security"
            let secure = try await TestBrowser(site).send(.GET, "/", headers: ["x-forwarded-proto": "https"], body: nil)
            // Nobody has said that this is a proxy.
            #expect(secure.headers.first(name: name) == nil)
            #expect(try await TestBrowser(site).get("/").headers.first(name: name) == nil)
        }
        try await TestSite.run(http: "proxies: [\"127.0.0.1\"]") { site in
            let secure = try await TestBrowser(site).send(.GET, "/", headers: ["x-forwarded-proto": "https"], body: nil)
            #expect(secure.headers.first(name: "strict-transport-security")?.hasPrefix("max-age=") == true)
            #expect(try await TestBrowser(site).get("/").headers.first(name: "strict-transport-security") == nil)
        }
    }
}

/// Counts what is written.
private struct PieceCount: AccountExport.Output {
    private(set) var count = 0
    private(set) var bytes = 0

    mutating func write(_ piece: ByteBuffer) async throws {
        count += 1
        bytes += piece.readableBytes
    }
}
