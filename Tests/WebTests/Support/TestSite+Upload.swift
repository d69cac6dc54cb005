import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import TestKit
import XMPPServer

@testable import Web
@testable import XMPPModules

extension TestSite {
    /// What came back for a file.
    struct FileAnswer {
        let status: Int
        let headers: HTTPHeaders
        let bytes: [UInt8]
    }

    var uploads: UploadedFiles {
        get throws {
            guard let module = host.modules.lazy.compactMap({ $0 as? HTTPUpload }).first else {
                throw ServerError("there are no uploads")
            }
            return module.files
        }
    }

    /// A slot for a file of mary's.
    func slot(_ name: String, size: Int, type: String? = nil, expiresAt: Timestamp? = nil) async throws -> UploadSlot {
        guard let record = try await host.accounts.load(mary) else { throw ServerError("there is no account") }
        let file = UploadedFile(
            id: FileID(), name: name, size: size, type: .unknown, purpose: .message, createdAt: clock.now,
            expiresAt: expiresAt)
        let slot = UploadSlot(
            file, type: type, of: record, until: Timestamp(milliseconds: clock.now.milliseconds + 300_000))
        guard try await uploads.open(slot) else { throw ServerError("there is no room") }
        return slot
    }

    /// The names of all files whose bytes are there.
    func storedFiles() async throws -> [FileID] {
        var found: [FileID] = []
        for prefix in FileID.prefixes { found += try await uploads.store.list(prefix: prefix).keys }
        return found
    }

    func put(
        _ slot: UploadSlot, _ bytes: [UInt8], headers: HTTPHeaders = [:], path: String? = nil
    ) async throws -> FileAnswer {
        let path = path ?? "/upload/\(slot.secret)/\(slot.file.id)"
        return try await exchange(.PUT, path, headers: headers, .bytes(ByteBuffer(bytes: bytes)))
    }

    func get(
        _ slot: UploadSlot, _ method: HTTPMethod = .GET, headers: HTTPHeaders = [:]
    ) async throws -> FileAnswer {
        try await exchange(method, "/upload/\(slot.file.path)", headers: headers, nil)
    }

    func exchange(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders, _ body: HTTPClientRequest.Body?
    ) async throws -> FileAnswer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        request.headers = headers
        request.headers.replaceOrAdd(name: "host", value: "\(Self.domain):\(port)")
        request.body = body
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let content = try await response.body.collect(upTo: 1 << 26)
        return FileAnswer(
            status: Int(response.status.code), headers: response.headers, bytes: Array(content.readableBytesView))
    }
}
