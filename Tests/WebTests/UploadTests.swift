import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestKit
import Testing
import XMPPServer

@testable import Web
@testable import XMPPModules

/// What people upload over HTTP, XEP-0363. Their slots are in `0363-upload.xmpp`.
@Suite struct UploadTests {
    private static let picture: [UInt8] =
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + (0..<1000).map { UInt8(truncatingIfNeeded: $0) }

    private static func run(_ settings: String = "", _ body: (TestSite) async throws -> Void) async throws {
        try await TestSite.run(modules: "http-upload: {\(settings)}", body)
    }

    /// A site with a file that was sent.
    private static func withFile(
        _ bytes: [UInt8] = picture, named name: String = "cat.png", settings: String = "",
        _ body: (TestSite, UploadSlot) async throws -> Void
    ) async throws {
        try await run(settings) { site in
            let slot = try await site.slot(name, size: bytes.count)
            #expect(try await site.put(slot, bytes).status == 201)
            try await body(site, slot)
        }
    }

    @Test func whatIsSentCanBeFetched() async throws {
        try await Self.withFile(named: "très cool.png") { site, slot in
            let answer = try await site.get(slot)
            #expect(answer.status == 200)
            #expect(answer.bytes.elementsEqual(Self.picture))
            #expect(answer.headers["content-type"] == ["image/png"])
            #expect(answer.headers["content-length"] == ["\(Self.picture.count)"])
            #expect(answer.headers["x-content-type-options"] == ["nosniff"])
            #expect(answer.headers["content-disposition"] == ["inline; filename*=UTF-8''tr%C3%A8s%20cool.png"])
            #expect(answer.headers["content-security-policy"].first?.contains("sandbox") == true)
            #expect(answer.headers["access-control-allow-origin"] == ["*"])
            let head = try await site.get(slot, .HEAD)
            #expect(head.status == 200)
            #expect(head.headers["content-length"] == ["\(Self.picture.count)"])
            #expect(head.bytes.isEmpty)
        }
    }

    @Test func aPartOfAFile() async throws {
        try await Self.withFile { site, slot in
            let size = Self.picture.count
            for (field, range) in [
                ("bytes=0-99", 0..<100), ("bytes=100-", 100..<size), ("bytes=-5", (size - 5)..<size),
                ("bytes=50-9999999999", 50..<size), ("bytes=-9999999999", 0..<size),
            ] {
                let answer = try await site.get(slot, headers: ["range": field])
                #expect(answer.status == 206)
                #expect(answer.bytes.elementsEqual(Self.picture[range]), "\(field)")
                #expect(
                    answer.headers["content-range"] == ["bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"])
            }
            for field in ["bytes=\(size)-", "bytes=-0"] {
                let answer = try await site.get(slot, headers: ["range": field])
                #expect(answer.status == 416)
                #expect(answer.headers["content-range"] == ["bytes */\(size)"])
            }
            for field in ["bytes=1-2,4-5", "bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=99999999999999999999-", ""] {
                #expect(try await site.get(slot, headers: ["range": field]).status == 200, "\(field)")
            }
            let other = try await site.get(slot, headers: ["range": "bytes=0-99", "if-range": "\"other\""])
            #expect(other.status == 200)
            let same = try await site.get(slot, headers: ["range": "bytes=0-99", "if-range": "\"\(slot.file.id)\""])
            #expect(same.status == 206)
        }
    }

    @Test func whatIsKnownIsNotSentAgain() async throws {
        try await Self.withFile { site, slot in
            let answer = try await site.get(slot)
            let tag = try #require(answer.headers["etag"].first)
            let date = try #require(answer.headers["last-modified"].first)
            for headers: HTTPHeaders in [
                ["if-none-match": tag], ["if-none-match": "\"a\", \(tag)"], ["if-none-match": "*"],
                ["if-modified-since": date],
            ] {
                let answer = try await site.get(slot, headers: headers)
                #expect(answer.status == 304)
                #expect(answer.bytes.isEmpty)
            }
            #expect(try await site.get(slot, headers: ["if-none-match": "\"a\""]).status == 200)
        }
    }

    /// What a browser would act on is told from the bytes, whatever the name says.
    @Test(
        arguments: [
            ("<html><script>alert(1)</script></html>", "text/plain; charset=utf-8", "inline"),
            ("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain; charset=utf-8", "inline"),
            ("%PDF-1.7 …", "application/pdf", "attachment"),
            ("GIF89a…", "image/gif", "inline"),
            ("\u{0}\u{1}\u{2}", "application/octet-stream", "attachment"),
        ])
    func contentType(_ text: String, _ type: String, _ disposition: String) async throws {
        try await Self.withFile(Array(text.utf8), named: "page.html") { site, slot in
            let answer = try await site.get(slot)
            #expect(answer.headers["content-type"] == [type])
            #expect(answer.headers["content-disposition"] == ["\(disposition); filename*=UTF-8''page.html"])
        }
    }

    // MARK: Slots

    @Test func aSlotIsGoodOnceAndForItsFileAlone() async throws {
        try await Self.run { site in
            let bytes = Array("four".utf8)
            let slot = try await site.slot("note.txt", size: 4, type: "text/plain")
            let path = "/upload/\(slot.secret)/\(slot.file.id)"
            #expect(try await site.put(slot, Array("three".utf8)).status == 413)
            #expect(try await site.put(slot, Array("two".utf8)).status == 400)
            #expect(try await site.put(slot, bytes, path: "/upload/\(slot.file.id)/note.txt").status == 404)
            #expect(try await site.put(slot, bytes, path: "/upload/\(slot.secret)/\(FileID())").status == 404)
            #expect(try await site.put(slot, bytes, headers: ["content-type": "image/png"]).status == 415)
            let chunked = HTTPClientRequest.Body.stream(
                AsyncStream { continuation in
                    continuation.yield(ByteBuffer(bytes: bytes))
                    continuation.finish()
                }, length: .unknown)
            #expect(try await site.exchange(.PUT, path, headers: [:], chunked).status == 411)
            #expect(try await site.get(slot).status == 404)
            #expect(try await site.put(slot, bytes, headers: ["content-type": "text/plain"]).status == 201)
            #expect(try await site.put(slot, bytes).status == 404)
            #expect(try await site.get(slot).bytes == bytes)
        }
    }

    @Test func aSlotIsGoodForAWhile() async throws {
        try await Self.run { site in
            let slot = try await site.slot("note.txt", size: 4)
            site.clock.advance(by: .seconds(301))
            #expect(try await site.put(slot, Array("four".utf8)).status == 404)
        }
    }

    /// An upload that breaks off leaves nothing, and its slot can be used again.
    @Test func anUploadThatBreaksOff() async throws {
        try await Self.run { site in
            let slot = try await site.slot("note.txt", size: 8)
            let head = "PUT /upload/\(slot.secret)/\(slot.file.id) HTTP/1.1\r\nHost: \(TestSite.domain)\r\n"
            let client = try await TestHTTPClient(site)
            _ = try await client.exchange(
                [head + "Content-Length: 8\r\nExpect: 100-continue\r\n\r\n", "four"], until: "100 Continue")
            while case .inUse = try site.uploads.takeSlot(slot.secret) { await Task.yield() }
            try site.uploads.giveBack(slot)
            #expect(try await site.get(slot).status == 404)
            #expect(try await site.put(slot, Array("complete".utf8)).status == 201)
            #expect(String(decoding: try await site.get(slot).bytes, as: UTF8.self) == "complete")
        }
    }

    // MARK: Room

    @Test func filesTakeNoMoreThanTheQuota() async throws {
        try await Self.run("quota: 1000 B, total-quota: 1500 B") { site in
            let first = try await site.slot("one", size: 600)
            await #expect(throws: (any Error).self) { try await site.slot("two", size: 600) }
            #expect(try await site.put(first, Array(repeating: 1, count: 600)).status == 201)
            await #expect(throws: (any Error).self) { try await site.slot("two", size: 600) }
            // What was reserved and not used is free again.
            _ = try await site.slot("three", size: 400)
            await #expect(throws: (any Error).self) { try await site.slot("four", size: 1) }
            site.clock.advance(by: .seconds(301))
            _ = try await site.slot("four", size: 400)
        }
    }

    /// Whatever their sizes: each takes a row and a block.
    @Test func noMoreFilesThanAllowed() async throws {
        try await Self.run("files-per-account: 3") { site in
            let slots = [try await site.slot("one", size: 1), try await site.slot("two", size: 1)]
            for slot in slots { #expect(try await site.put(slot, [1]).status == 201) }
            let third = try await site.slot("three", size: 1)
            await #expect(throws: (any Error).self) { try await site.slot("four", size: 1) }
            try await site.uploads.remove(slots[0].file, of: site.mary)
            #expect(try await site.put(third, [1]).status == 201)
            _ = try await site.slot("four", size: 1)
        }
    }

    /// A slot is opened while the files of others that are open become files.
    @Test func atOnceThereIsNoMoreThanTheQuotaEither() async throws {
        try await Self.run("quota: 1000 B") { site in
            let uploads = try site.uploads
            for _ in 0..<20 {
                await withTaskGroup(of: Void.self) { tasks in
                    for _ in 0..<8 {
                        tasks.addTask {
                            guard let slot = try? await site.slot("note", size: 300) else { return }
                            try? await uploads.store(Self.bytes(String(repeating: "a", count: 300)), for: slot)
                        }
                    }
                }
                let files = try await uploads.page(of: site.mary, behind: nil, limit: 50)
                #expect(files.count == 3)
                for file in files { try await uploads.remove(file, of: site.mary) }
            }
        }
    }

    /// Otherwise the host would take more and more.
    @Test func aFileThatIsDeletedTwiceIsCountedOnce() async throws {
        try await Self.run("total-quota: 1500 B") { site in
            let slots = [try await site.slot("one", size: 600), try await site.slot("two", size: 400)]
            for slot in slots {
                #expect(try await site.put(slot, Array(repeating: 1, count: slot.file.size)).status == 201)
            }
            let uploads = try site.uploads
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<4 { tasks.addTask { try await uploads.remove(slots[0].file, of: site.mary) } }
                try await tasks.waitForAll()
            }
            await #expect(throws: (any Error).self) { try await site.slot("three", size: 1101) }
            _ = try await site.slot("three", size: 1100)
        }
    }

    @Test func aSlotThatNobodyUsesGoes() async throws {
        try await Self.run { site in
            let slot = try await site.slot("note", size: 4)
            #expect(try site.uploads.expects(slot.file.id))
            site.clock.advance(by: .seconds(301))
            await site.server.runJobs()
            #expect(try !site.uploads.expects(slot.file.id))
        }
    }

    // MARK: Ends

    @Test func aFileEndsWithItsTime() async throws {
        try await Self.run { site in
            let end = Timestamp(milliseconds: site.clock.now.milliseconds + 3_600_000)
            let slot = try await site.slot("story", size: 4, expiresAt: end)
            #expect(try await site.put(slot, Array("four".utf8)).status == 201)
            site.clock.advance(by: .seconds(3599))
            await site.server.runJobs()
            #expect(try await site.get(slot).status == 200)
            site.clock.advance(by: .seconds(1))
            #expect(try await site.get(slot).status == 404)
            #expect(try await site.storedFiles() == [slot.file.id])
            await site.server.runJobs()
            #expect(try await site.storedFiles().isEmpty)
        }
    }

    @Test func filesEndWithTheirAccount() async throws {
        try await Self.withFile { site, slot in
            let waiting = try await site.slot("later", size: 4)
            try await Administration(site.server).remove(AccountName(site.mary.string))
            #expect(try await site.get(slot).status == 404)
            #expect(try await site.put(waiting, Array("four".utf8)).status == 404)
            while try await !site.storedFiles().isEmpty { await Task.yield() }
        }
    }

    /// With the account goes what the host knows of its files, in the same commit.
    @Test func nothingOfARemovedAccountIsLeft() async throws {
        try await Self.withFile { site, slot in
            site.storage.holdCommits()
            async let removal: Void = Administration(site.server).remove(AccountName(site.mary.string))
            await site.storage.commitIsHeld()
            site.storage.releaseCommits()
            try await removal
            #expect(try await site.uploads.index.owner(of: slot.file.id) == nil)
            while try await !site.storedFiles().isEmpty { await Task.yield() }
        }
    }

    /// The account is gone, and its slots do not know it yet.
    @Test func aFileOfNobodyIsNotStored() async throws {
        try await Self.run { site in
            let slot = try await site.slot("late", size: 4)
            try await site.storage.commit([.removeAccount(site.mary)])
            #expect(try await site.put(slot, Array("late".utf8)).status == 404)
            #expect(try await site.uploads.index.owner(of: slot.file.id) == nil)
            #expect(try await site.storedFiles().isEmpty)
            #expect(!site.log.text.contains("file store failed"))
        }
    }

    // MARK: Export

    @Test func theListOfFilesIsExportedAndNotImported() async throws {
        try await Self.withFile(named: "très cool.png") { site, slot in
            let administration = Administration(site.server)
            let folder = try TemporaryDirectory()
            for format in ["json", "xml"] {
                let file = "\(folder.path)/mary.\(format)"
                let export = CommandRequest(
                    "account-export", ["account": "mary", "file": .text(file), "format": .text(format)])
                #expect(await administration.perform(export).failure == nil)
                let text = try String(contentsOfFile: file, encoding: .utf8)
                #expect(text.contains("très cool.png") && text.contains(slot.file.id.description), "\(format)")
            }
            let request = CommandRequest(
                "account-import", ["file": .text("\(folder.path)/mary.json"), "name": .text("eve@\(TestSite.domain)")])
            try await administration.remove(AccountName(site.mary.string))
            #expect(await administration.perform(request).failure == nil)
            let list = await administration.perform(CommandRequest("upload-list", ["account": "eve"]))
            #expect(list.text == "There are no files.")
        }
    }

    // MARK: Other sites

    @Test func scriptsOfSomeSitesAlone() async throws {
        try await Self.withFile(settings: "origins: [\"https://chat.example\"]") { site, slot in
            let path = "/upload/\(slot.file.path)"
            let good = try await site.exchange(.OPTIONS, path, headers: ["origin": "https://chat.example"], nil)
            #expect(good.status == 204)
            #expect(good.headers["access-control-allow-origin"] == ["https://chat.example"])
            #expect(good.headers["access-control-allow-methods"] == ["OPTIONS, HEAD, GET, PUT"])
            let bad = try await site.exchange(.OPTIONS, path, headers: ["origin": "https://evil.example"], nil)
            #expect(bad.headers["access-control-allow-origin"].isEmpty)
        }
    }

    @Test func aNameOfAProxy() async throws {
        try await Self.withFile(settings: "address: \"https://files.example\"") { site, slot in
            let address = try site.uploads.address
            #expect(address?.description == "https://files.example")
            let path = "/upload/\(slot.file.path)"
            let found = try await TestBrowser(site).get(path, host: "files.example")
            #expect(found.status == 200)
            let misdirected = try await TestBrowser(site).get(path, host: "other.example")
            #expect(misdirected.status == 421)
        }
    }

    // MARK: Hostile

    /// As by `kill -9` between the moment at which the bytes have their place and that at which the file is known.
    @Test func whatAKilledProcessLeaves() async throws {
        try await Self.run { site in
            let (slot, known) = (try await site.slot("half", size: 4), try await site.slot("whole", size: 4))
            #expect(try await site.put(known, Array("four".utf8)).status == 201)
            site.storage.failFromNowOn()
            #expect(try await site.put(slot, Array("four".utf8)).status == 500)
            site.storage.recover()
            #expect(try await site.storedFiles() == [known.file.id])
            let left = FileID()
            try await site.uploads.store.put(left, size: 4, Self.bytes("left"))
            #expect(try await site.storedFiles().count == 2)
            // All parts of the files have had their turn then.
            for _ in 0..<32 { try await site.uploads.tidy() }
            #expect(try await site.storedFiles() == [known.file.id])
            #expect(try await site.get(known).status == 200)
        }
    }

    private static func bytes(_ text: String) -> AsyncStream<ByteBuffer> {
        AsyncStream { continuation in
            continuation.yield(ByteBuffer(string: text))
            continuation.finish()
        }
    }

    @Test func theCheckerFindsOrphansBothWays() async throws {
        try await Self.run { site in
            let slots = [try await site.slot("good", size: 4), try await site.slot("bad", size: 4)]
            for slot in slots { #expect(try await site.put(slot, Array("four".utf8)).status == 201) }
            let left = FileID()
            try await site.uploads.store.put(left, size: 4, Self.bytes("left"))
            try await site.uploads.store.remove(slots[1].file.id)
            func check(_ repair: CommandValue) async -> String {
                await Administration(site.server).perform(CommandRequest("upload-check", ["repair": repair])).text
            }
            let found = await check(false)
            #expect(found.contains(left.description) && found.contains(slots[1].file.id.description))
            #expect(!found.contains(slots[0].file.id.description))
            _ = await check(true)
            #expect(await check(false) == "All files are in order.")
            #expect(try await site.get(slots[1]).status == 404)
            #expect(try await site.storedFiles() == [slots[0].file.id])
        }
    }

    /// Only what is not there is missing: what cannot be looked at may be the disk's fault.
    @Test func aFileThatCannotBeLookedAtStaysKnown() async throws {
        try await TestSite.run(modules: "http-upload: {}") { site in
            let slot = try await site.slot("note", size: 4)
            #expect(try await site.put(slot, Array("four".utf8)).status == 201)
            let id = slot.file.id
            let path = "\(site.dataDirectory)/uploads/\(TestSite.domain)/\(id.prefix)/\(id)"
            try FileManager.default.removeItem(atPath: path)
            // A link to itself: it cannot be followed.
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
            let reply = await Administration(site.server).perform(CommandRequest("upload-check", ["repair": true]))
            #expect(reply.failure == .failed)
            #expect(try await site.uploads.index.file(id) != nil)
        }
    }

    @Test(arguments: [(1, 4096, false), (1 << 20, 4096, true), (UInt64.max, 4096, true), (1 << 62, 1 << 62, true)])
    func roomThatCannotBeCounted(_ blocks: UInt64, _ size: UInt64, _ hasRoom: Bool) {
        #expect(LocalFileStore.hasRoom(blocks: blocks, of: size, for: 1 << 30) == hasRoom)
    }

    @Test(
        arguments: [
            "/upload/../../etc/passwd", "/upload/..%2f..%2fetc%2fpasswd", "/upload/%2e%2e/passwd", "/upload/drafts/x",
            "/upload//x", "/upload/ab/x", "/upload/\(String(repeating: "0", count: 32))/x",
            "/upload/\(String(repeating: "g", count: 32))/x", "/upload/%00/x",
        ])
    func pathsOutside(_ path: String) async throws {
        try await Self.withFile { site, slot in
            for method in ["GET", "PUT"] {
                let answer = try await TestHTTPClient.answer(
                    to: "\(method) \(path) HTTP/1.1\r\nHost: \(TestSite.domain)\r\nContent-Length: 0\r\n"
                        + "Connection: close\r\n\r\n",
                    of: site)
                #expect(["HTTP/1.1 404", "HTTP/1.1 400"].contains { answer.hasPrefix($0) }, "\(answer.prefix(40))")
            }
            #expect(try await site.storedFiles() == [slot.file.id])
        }
    }

    /// What follows the bytes that were announced is another request, and none of the file.
    @Test func moreBytesThanAnnounced() async throws {
        try await Self.run { site in
            let slot = try await site.slot("note.txt", size: 4)
            let head = "PUT /upload/\(slot.secret)/\(slot.file.id) HTTP/1.1\r\nHost: \(TestSite.domain)\r\n"
            for lengths in [
                "Content-Length: 4\r\nContent-Length: 9\r\n", "Content-Length: -4\r\n", "Content-Length: 4x\r\n",
            ] {
                let refused = try await TestHTTPClient.answer(to: head + lengths + "\r\nfour more", of: site)
                #expect(refused.hasPrefix("HTTP/1.1 4"), "\(lengths)")
            }
            let answer = try await TestHTTPClient.answer(
                to: head + "Content-Length: 4\r\n\r\nfour more\r\n\r\n", of: site)
            #expect(answer.hasPrefix("HTTP/1.1 201") && answer.contains("HTTP/1.1 400"))
            #expect(try await site.get(slot).bytes == Array("four".utf8))
        }
    }

    @Test func aStoreThatIsFull() async throws {
        try await Self.run("directory: /proc/nothing") { site in
            let slot = try await site.slot("note.txt", size: 4)
            #expect(try await site.put(slot, Array("four".utf8)).status == 500)
        }
        try await Self.run("quota: 1000000 GiB, total-quota: 1000000 GiB") { site in
            let slot = try await site.slot("huge", size: 1 << 49)
            let head = "PUT /upload/\(slot.secret)/\(slot.file.id) HTTP/1.1\r\nHost: \(TestSite.domain)\r\n"
            let answer = try await TestHTTPClient.answer(
                to: head + "Content-Length: \(1 << 49)\r\nExpect: 100-continue\r\n\r\n", of: site, until: "\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 507"))
        }
    }

    // MARK: Administration

    @Test func commands() async throws {
        try await Self.withFile(Array("four".utf8), named: "note.txt") { site, slot in
            func perform(_ name: String, _ arguments: [String: CommandValue]) async -> CommandReply {
                await Administration(site.server).perform(CommandRequest(name, arguments))
            }
            let id = slot.file.id.description
            #expect(await perform("upload-list", ["account": "mary"]).text.contains(id))
            #expect(await perform("upload-show", ["file": .text(id)]).text.contains("note.txt"))
            #expect(await perform("upload-quota", ["account": "mary"]).result?["used"] == .integer(4))
            #expect(
                await perform("upload-quota", ["account": "mary", "bytes": "1 KiB"]).result?["quota"] == .integer(1024))
            await #expect(throws: (any Error).self) { try await site.slot("large", size: 1021) }
            #expect(
                await perform("upload-quota", ["account": "mary", "bytes": "default"]).result?["quota"]
                    == .integer(4 << 30))
            let address = "\(site.address)/upload/\(id)/note.txt"
            #expect(await perform("upload-delete", ["file": .text(address)]).failure == nil)
            #expect(await perform("upload-delete", ["file": .text(address)]).failure == .notFound)
            let gone = try await site.get(slot)
            #expect(gone.status == 404)
        }
    }

    @Test func theAccountPageShowsFiles() async throws {
        try await Self.withFile(Array("four".utf8), named: "a <b> & c.txt") { site, slot in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let page = try await browser.get("/account")
            #expect(page.text.contains("take 4 bytes of 4 GiB"))
            #expect(page.text.contains("a &lt;b&gt; &amp; c.txt"))
            let path = "/account/files/delete?file=\(slot.file.id)"
            #expect(page.text.contains(path))
            let question = try await browser.get(path)
            // Nobody deletes what is somebody else's.
            let john = TestBrowser(site)
            try await john.signIn("john@contoso.example")
            let other = try await john.get(path)
            let refused = try await john.submit("/account/files", other.fields(of: "/account/files"))
            #expect(refused.message == "That file is deleted already.")
            #expect(try await site.get(slot).status == 200)
            let done = try await browser.submit("/account/files", question.fields(of: "/account/files"))
            #expect(done.message == "The file is deleted.")
            #expect(try await site.get(slot).status == 404)
            #expect(try await browser.get("/account").text.contains("take 0 bytes of 4 GiB"))
        }
    }

    /// AWS's own example, `GET Bucket (List Objects)`, but with `UNSIGNED-PAYLOAD`. The signature comes from a script that
    /// finds the one that AWS gives, too.
    @Test func aSignature() {
        let signature = S3Signature(
            accessKey: "AKIAIOSFODNN7EXAMPLE",
            secretKey: Redacted("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), region: "us-east-1")
        let fields = signature.fields(
            "GET", host: "examplebucket.s3.amazonaws.com", path: "/", query: [("max-keys", "2"), ("prefix", "J")],
            at: Timestamp("2013-05-24T00:00:00Z")!)
        #expect(fields.first { $0.name == "x-amz-date" }?.value == "20130524T000000Z")
        let authorization = fields.first { $0.name == "authorization" }?.value ?? ""
        #expect(
            authorization.hasPrefix(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                    + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="))
        #expect(authorization.hasSuffix("=b1a076428fa68c2c42202ee5a5718b8207f725e451e2157d6b1c393e01fc2e68"))
    }

    // MARK: Messages

    /// The ways in which a message names a file: XEP-0066, XEP-0447 alone and encrypted (XEP-0448), XEP-0385.
    static let namings = [
        "<x xmlns='jabber:x:oob'><url>URL</url></x>",
        """
        <file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'/>\
        <sources><url-data xmlns='http://jabber.org/protocol/url-data' target='URL'/></sources></file-sharing>
        """,
        """
        <file-sharing xmlns='urn:xmpp:sfs:0'><sources><encrypted xmlns='urn:xmpp:esfs:0' cipher='c'><key>a</key>\
        <sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='URL'/></sources>\
        </encrypted></sources></file-sharing>
        """,
        """
        <reference xmlns='urn:xmpp:reference:0' begin='0' end='1' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>\
        <file xmlns='urn:xmpp:jingle:apps:file-transfer:5'/><sources>\
        <reference xmlns='urn:xmpp:reference:0' type='data' uri='URL'/></sources></media-sharing></reference>
        """,
    ]

    @Test(arguments: namings)
    func aFileGoesWithTheOnlyMessageThatNamesIt(_ naming: String) async throws {
        try await Self.withFile { site, slot in
            let (stream, address) = try await Self.talking(on: site)
            let url = "\(address)\(slot.file.path)"
            for id in ["m1", "m2"] {
                try await stream.send(
                    "<message type='chat' id='\(id)' to='\(site.john)'><body>\(url)</body>"
                        + naming.replacing("URL", with: url) + "</message>")
            }
            for (id, status) in [("m1", 200), ("m2", 404)] {
                try await Self.retract(id, stream, site)
                #expect(try await site.get(slot).status == status, "\(id)")
            }
            await site.server.runJobs()
            #expect(try await site.storedFiles().isEmpty)
        }
    }

    /// All files of a message go with it; one that many messages name stays, and no more than some are noted.
    @Test func aMessageWithFilesThatManyName() async throws {
        try await Self.run { site in
            let slots = [try await site.slot("one", size: 4), try await site.slot("many", size: 4)]
            for slot in slots { #expect(try await site.put(slot, Array("four".utf8)).status == 201) }
            let (stream, address) = try await Self.talking(on: site)
            let names = slots.map { Self.namings[0].replacing("URL", with: "\(address)\($0.file.path)") }
            for number in 0..<40 {
                if number == 20 {
                    #expect(try await stream.isAlive())
                    await site.storage.flush()
                }
                try await stream.send(
                    "<message type='chat' id='m\(number)' to='\(site.john)'><body>files</body>"
                        + (number == 0 ? names[0] : "") + names[1] + "</message>")
            }
            #expect(try await stream.isAlive())
            await site.storage.flush()
            let map = MapName(
                owner: site.host.jid, store: FileIndex.hostStore, name: "mentions \(slots[1].file.id)")
            let noted = try await site.storage.mapPage(MapQuery(map, limit: 100))?.items.map(\.key) ?? []
            #expect(noted.count == 21)
            #expect(!noted.contains { $0.contains("@") })
            // The files may be newer than what a job has read of them.
            let prefix = slots[1].file.id.prefix
            let forgotten = try await site.uploads.index.forgettingMentions(prefix: prefix) { _ in false }
            #expect(forgotten.isEmpty)
            for number in 0..<40 { try await Self.retract("m\(number)", stream, site) }
            #expect(try await site.get(slots[0]).status == 404)
            #expect(try await site.get(slots[1]).status == 200)
        }
    }

    /// Mary, who keeps a history and is in touch with John; and what addresses of files begin with.
    private static func talking(on site: TestSite) async throws -> (TestStream, String) {
        let administration = Administration(site.server)
        _ = try await administration.addContact(AccountName("john"), to: AccountName("mary"))
        _ = await administration.perform(CommandRequest("account-set", ["account": "mary", "keep-history": true]))
        let token = try await administration.mint(NewToken(account: AccountName("mary"))).token
        return (try await TestStream.signedIn(token, on: site), "\(site.address)/upload/")
    }

    private static func retract(_ id: String, _ stream: TestStream, _ site: TestSite) async throws {
        try await stream.send(
            "<message type='chat' id='r\(id)' to='\(site.john)'><body>gone</body>"
                + "<retract xmlns='urn:xmpp:message-retract:1' id='\(id)'/></message>")
        #expect(try await stream.isAlive())
        await site.storage.flush()
    }
}
