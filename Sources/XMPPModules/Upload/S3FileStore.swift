import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import XMPPServer

/// Files in a bucket of an S3-compatible store. An object appears when all of it has come, so there is never half of one.
final class S3FileStore: FileStore {
    struct Settings: Sendable, Equatable {
        let endpoint: WebAddress
        let bucket: String
        let region: String
        let accessKey: String
        let secretKey: Redacted<String>

        /// - Returns: nil if no store is named.
        init?(_ section: ConfigSection) {
            let endpoint: WebAddress? = section.optionalValue(
                "endpoint", expected: "a web address", example: "\"https://s3.example.com\"",
                "The address of an S3-compatible store that keeps the files in place of the directory.")
            bucket = section.string("bucket", default: "", "The bucket, which is there already.")
            region = section.string("region", default: "us-east-1", "The region.")
            accessKey = section.string("access-key", default: "", "The id of the key.")
            secretKey = Redacted(section.string("secret-key", default: "", "The key itself."))
            guard let endpoint else { return nil }
            self.endpoint = endpoint
            let isName = !bucket.isEmpty && bucket.utf8.allSatisfy(Self.isInName)
            if !isName { section.fail("bucket", "\"\(bucket)\" is no bucket", fix: "write its name") }
        }

        private static func isInName(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E
        }
    }

    /// The largest object that is sent in one piece.
    static let maximumSize = 5 << 30
    /// How long the store may take to answer; while a file is sent or fetched, for each piece.
    private static let patience = TimeAmount.seconds(60)
    private static let namespace: Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

    /// Never let go, as a process needs one for all its stores.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(10), read: patience, write: patience)
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private let settings: Settings
    private let folder: String
    private let signature: S3Signature
    private let now: @Sendable () -> Timestamp

    /// - Parameter folder: what the names of all objects begin with.
    init(_ settings: Settings, folder: String, now: @escaping @Sendable () -> Timestamp) {
        self.settings = settings
        self.folder = folder
        self.now = now
        signature = S3Signature(
            accessKey: settings.accessKey, secretKey: settings.secretKey, region: settings.region)
    }

    func put<Body: AsyncSequence & Sendable>(_ id: FileID, size: Int, _ body: Body) async throws
    where Body.Element == ByteBuffer {
        var request = request(.PUT, key: id.description)
        request.body = .stream(body, length: .known(Int64(size)))
        try await check(Self.client.execute(request, deadline: .distantFuture), "put")
    }

    func write(_ id: FileID, _ range: Range<Int>, to sink: any FileSink) async throws {
        var request = request(.GET, key: id.description)
        request.headers.add(name: "range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)")
        let response = try await Self.client.execute(request, timeout: Self.patience)
        try await check(response, "get")
        // A store that ignores the range sends other bytes than are announced to the client.
        guard response.status == .partialContent else { throw FileStoreError.failed("the store ignores ranges") }
        for try await chunk in response.body { try await sink.write(chunk) }
    }

    func remove(_ id: FileID) async throws {
        let response = try await Self.client.execute(
            request(.DELETE, key: id.description), timeout: Self.patience)
        guard response.status != .notFound else { return }
        try await check(response, "delete")
    }

    func size(of id: FileID) async throws -> Int? {
        let response = try await Self.client.execute(request(.HEAD, key: id.description), timeout: Self.patience)
        guard response.status != .notFound else { return nil }
        try await check(response, "head")
        return response.headers.first(name: "content-length").flatMap { Int($0) }
    }

    /// Of an upload that breaks off the store keeps nothing.
    func removeDrafts() async throws {}

    func list(prefix: String) async throws -> [FileID: Int] {
        var found: [FileID: Int] = [:]
        var token: String?
        repeat {
            var query = [(name: "list-type", value: "2"), (name: "prefix", value: "\(folder)/\(prefix)")]
            if let token { query.append((name: "continuation-token", value: token)) }
            let response = try await Self.client.execute(request(.GET, key: nil, query), timeout: Self.patience)
            try await check(response, "list")
            let list = try Self.element(await response.body.collect(upTo: 4 << 20))
            for object in list.children where object.isNamed("Contents", Self.namespace) {
                guard let key = object.child("Key", Self.namespace)?.text,
                    let id = FileID(String(key.dropFirst(folder.count + 1))),
                    let size = object.child("Size", Self.namespace).flatMap({ Int($0.text) })
                else { continue }
                found[id] = size
            }
            let isCut = list.child("IsTruncated", Self.namespace)?.text == "true"
            token = isCut ? list.child("NextContinuationToken", Self.namespace)?.text : nil
        } while token != nil
        return found
    }

    // MARK: Requests

    private func request(
        _ method: HTTPMethod, key: String?, _ query: [(name: String, value: String)] = []
    ) -> HTTPClientRequest {
        let path = "/\(settings.bucket)" + (key.map { "/\(Percent.encode(folder))/\($0)" } ?? "")
        let host = settings.endpoint.host + (settings.endpoint.port.map { ":\($0)" } ?? "")
        var request = HTTPClientRequest(
            url: "\(settings.endpoint)\(path)" + (query.isEmpty ? "" : "?\(S3Signature.text(of: query))"))
        request.method = method
        for (name, value) in signature.fields(method.rawValue, host: host, path: path, query: query, at: now()) {
            request.headers.add(name: name, value: value)
        }
        return request
    }

    private func check(_ response: HTTPClientResponse, _ act: String) async throws {
        switch response.status.code {
        case 200..<300: break
        case 404: throw FileStoreError.missing
        case 507: throw FileStoreError.full
        case let code: throw FileStoreError.failed("the store answers \(code) to \(act)")
        }
    }

    /// The document without its declaration.
    private static func element(_ document: ByteBuffer) throws -> Element {
        let text = String(buffer: document)
        guard let start = text.firstRange(of: "<ListBucketResult") else {
            throw FileStoreError.failed("the store's list is none")
        }
        return try Element(ownOutput: ByteBuffer(string: String(text[start.lowerBound...])))
    }
}
