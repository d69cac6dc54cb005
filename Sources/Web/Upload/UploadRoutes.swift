import HTTPTypes
import Hummingbird
import NIOCore
import XMPPModules
import XMPPServer

/// Where files are sent and fetched: `PUT /upload/SECRET/ID` and `GET /upload/ID/NAME`.
struct UploadRoutes: Sendable {
    /// Nothing in a file may act: not even that a picture brings along.
    private static let policy = ContentPolicy.nothing.allowing("'self'", for: "media-src")
        .allowing("'self'", for: "img-src").allowing("'unsafe-inline'", for: "style-src").allowing("", for: "sandbox")

    private let files: UploadedFiles
    private let origins: [String]

    init(_ files: UploadedFiles, origins: [String]) {
        self.files = files
        self.origins = origins
    }

    func register(on router: Router<WebContext>) {
        let path = RouterPath("\(UploadedFiles.path):place/:name")
        router.put(path) { request, context in share(await put(request, context), with: request) }
        router.get(path) { request, context in share(try await get(request, context), with: request) }
        router.on(path, method: .options) { request, _ in share(Response(status: .noContent), with: request) }
    }

    // MARK: Sending

    private func put(_ request: Request, _ context: WebContext) async -> Response {
        let slot: UploadSlot
        switch files.takeSlot(context.parameters.get("place") ?? "") {
        case .found(let found): slot = found
        case .inUse: return Response(status: .conflict)
        case .none: return Response(status: .notFound)
        }
        if let refusal = refusal(of: request, slot, context) {
            files.giveBack(slot)
            return Response(status: refusal)
        }
        do {
            try await files.store(request.body, for: slot)
            return Response(status: .created)
        } catch {
            files.giveBack(slot)
            switch error {
            case FileStoreError.wrongSize, is HTTPExchange.Aborted: return Response(status: .badRequest)
            case FileStoreError.withoutOwner: return Response(status: .notFound)
            case FileStoreError.full: return Response(status: .init(code: 507, reasonPhrase: "Insufficient Storage"))
            default:
                files.report(error)
                return Response(status: .internalServerError)
            }
        }
    }

    /// §6: what was announced is what is taken.
    private func refusal(of request: Request, _ slot: UploadSlot, _ context: WebContext) -> HTTPResponse.Status? {
        guard context.parameters.get("name") == slot.file.id.description else { return .notFound }
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }) else { return .lengthRequired }
        guard length == slot.file.size else { return length > slot.file.size ? .contentTooLarge : .badRequest }
        if let announced = slot.type, let type = request.headers[.contentType],
            type.lowercased() != announced.lowercased()
        {
            return .unsupportedMediaType
        }
        return nil
    }

    // MARK: Fetching

    private func get(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let id = context.parameters.get("place").flatMap({ FileID($0) }), let file = try await files.file(id)
        else { return Response(status: .notFound) }
        var headers = fields(of: file)
        guard !isKnown(file, to: request) else { return Response(status: .notModified, headers: headers) }
        var range = 0..<file.size
        var status = HTTPResponse.Status.ok
        switch wantedRange(request, file) {
        case .whole: break
        case .none:
            return Response(status: .rangeNotSatisfiable, headers: [.contentRange: "bytes */\(file.size)"])
        case .part(let part):
            range = part
            status = .partialContent
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)"
        }
        headers[.contentLength] = "\(range.count)"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: range.count) { [files, range] writer in
                try await files.write(file, range, to: BodySink(writer: writer))
                try await writer.finish(nil)
            })
    }

    private func fields(of file: UploadedFile) -> HTTPFields {
        // Caches forget a file that was removed within a day.
        let rest = file.expiresAt.map { ($0.milliseconds - files.host.now().milliseconds) / 1000 } ?? .max
        return [
            .contentType: file.type.description,
            .contentDisposition: (file.type.isShown ? "inline" : "attachment")
                + "; filename*=UTF-8''\(Percent.encode(file.name))",
            .contentSecurityPolicy: Self.policy.description,
            .acceptRanges: "bytes", .eTag: Self.tag(of: file), .lastModified: HTTPDate.text(file.createdAt),
            .cacheControl: "max-age=\(max(0, min(rest, 86_400)))",
        ]
    }

    /// A file never changes.
    private static func tag(of file: UploadedFile) -> String { "\"\(file.id)\"" }

    /// RFC 9110 §13.1.2, §13.1.3.
    private func isKnown(_ file: UploadedFile, to request: Request) -> Bool {
        let tags = request.headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }.map {
            $0.trimmingBlanks()
        }
        guard tags.isEmpty else {
            return tags.contains { $0 == "*" || $0 == Self.tag(of: file) || $0 == "W/\(Self.tag(of: file))" }
        }
        return request.headers[.ifModifiedSince] == HTTPDate.text(file.createdAt)
    }

    /// RFC 9110 §13.1.5, §14.2.
    private func wantedRange(_ request: Request, _ file: UploadedFile) -> ByteRange {
        if let condition = request.headers[.ifRange], condition != Self.tag(of: file),
            condition != HTTPDate.text(file.createdAt)
        {
            return .whole
        }
        return ByteRange(request.method == .get ? request.headers[.range] : nil, of: file.size)
    }

    // MARK: Scripts of other sites

    /// Lets scripts of the sites that are set send and fetch files.
    private func share(_ response: Response, with request: Request) -> Response {
        var response = response
        if origins.contains("*") {
            response.headers[.accessControlAllowOrigin] = "*"
        } else {
            response.headers[.vary] = "Origin"
            guard let origin = request.headers[.origin], origins.contains(origin) else { return response }
            response.headers[.accessControlAllowOrigin] = origin
        }
        response.headers[.accessControlAllowMethods] = "OPTIONS, HEAD, GET, PUT"
        response.headers[.accessControlAllowHeaders] = "Content-Type, Range, If-Range, If-None-Match"
        response.headers[.accessControlExposeHeaders] = "Content-Length, Content-Range, ETag"
        response.headers[.accessControlMaxAge] = "7200"
        return response
    }
}

private struct BodySink: FileSink {
    let writer: any ResponseBodyWriter

    func write(_ bytes: ByteBuffer) async throws {
        var writer = writer
        try await writer.write(bytes)
    }
}
