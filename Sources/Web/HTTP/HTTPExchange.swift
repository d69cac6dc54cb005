import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// A request and its answer. The body is read on demand.
///
/// Lives on its connection's loop; only its reference travels.
final class HTTPExchange: @unchecked Sendable {
    /// The client has gone, was too slow, or sent invalid HTTP. It has been told if possible.
    struct Aborted: HTTPResponseError {
        let status = HTTPResponse.Status.badRequest

        func response(from request: Request, context: some RequestContext) throws -> Response {
            Response(status: status)
        }
    }

    /// The maximum bytes of the body that wait to be consumed. They are handed out together: a file is written on another
    /// thread, and the way there and back costs more than to write 64 KiB.
    static let enough = 262_144

    /// Whether the request is complete.
    private(set) var isReceived = false
    /// Whether the head of the answer is written.
    private(set) var isAnswering = false
    private(set) var keepsAlive: Bool
    private let connection: HTTPConnection
    private let request: HTTPRequest
    private let version: HTTPVersion
    private(set) var isExpectingContinue: Bool
    private var chunks = CircularBuffer<ByteBuffer>()
    private var bytes = 0
    private var isAborted = false
    private var asked: EventLoopPromise<ByteBuffer?>?

    private var loop: any EventLoop { connection.channel.eventLoop }

    init(
        _ connection: HTTPConnection, _ request: HTTPRequest, version: HTTPVersion, keepsAlive: Bool,
        isExpectingContinue: Bool
    ) {
        self.connection = connection
        self.request = request
        self.version = version
        self.keepsAlive = keepsAlive
        self.isExpectingContinue = isExpectingContinue
    }

    /// Starts answering the request.
    func begin() {
        Task {
            let request = Request(head: request, body: RequestBody(asyncSequence: Body(exchange: self)))
            let response = await connection.web.respond(to: request, connection.channel)
            do {
                try await send(response)
            } catch {
                connection.web.note("answer was not taken", error, connection.channel)
                connection.abandon(self)
            }
        }
    }

    // MARK: The request's body

    var wantsMore: Bool { !isReceived && bytes < Self.enough }

    func received(_ chunk: ByteBuffer) {
        guard !isAborted else { return }
        if let asked = exchange(&asked, with: nil) { return asked.succeed(chunk) }
        bytes += chunk.readableBytes
        chunks.append(chunk)
    }

    func receivedAll() {
        isReceived = true
        exchange(&asked, with: nil)?.succeed(nil)
    }

    /// The body ends incomplete.
    func fail() {
        guard !isReceived else { return }
        isAborted = true
        exchange(&asked, with: nil)?.fail(Aborted())
    }

    /// The next piece of the body.
    private func next() -> EventLoopFuture<ByteBuffer?> {
        if let chunk = takeAll() {
            connection.wasConsumed(from: self)
            return loop.makeSucceededFuture(chunk)
        }
        if isReceived { return loop.makeSucceededFuture(nil) }
        guard !isAborted, asked == nil else { return loop.makeFailedFuture(Aborted()) }
        let promise = loop.makePromise(of: ByteBuffer?.self)
        asked = promise
        // RFC 9110 §10.1.1: the body is wanted now.
        if isExpectingContinue, !isAnswering {
            isExpectingContinue = false
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            connection.write(.head(head), of: self).whenFailure { _ in self.fail() }
        }
        connection.wasConsumed(from: self)
        return promise.futureResult
    }

    /// All that waits, in one piece.
    private func takeAll() -> ByteBuffer? {
        guard var all = chunks.popFirst() else { return nil }
        all.reserveCapacity(bytes)
        while let chunk = chunks.popFirst() { all.writeImmutableBuffer(chunk) }
        bytes = 0
        return all
    }

    private struct Body: AsyncSequence, Sendable {
        let exchange: HTTPExchange

        struct AsyncIterator: AsyncIteratorProtocol {
            let exchange: HTTPExchange

            func next() async throws -> ByteBuffer? {
                try await exchange.loop.flatSubmit { exchange.next() }.get()
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(exchange: exchange) }
    }

    // MARK: The answer

    /// Whether the answer has no content, as to HEAD, or by its status.
    private var isBodiless = false

    private func send(_ response: Response) async throws {
        try await onLoop { exchange in exchange.sendHead(response) }
        if isBodiless {
            try await onLoop { exchange in exchange.end(nil) }
        } else {
            try await response.body.write(Writer(exchange: self))
        }
    }

    private struct Writer: ResponseBodyWriter {
        let exchange: HTTPExchange

        func write(_ buffer: ByteBuffer) async throws {
            try await exchange.onLoop { exchange in exchange.connection.write(.body(.byteBuffer(buffer)), of: exchange)
            }
        }

        func finish(_ trailers: HTTPFields?) async throws {
            try await exchange.onLoop { exchange in exchange.end(trailers) }
        }
    }

    private func onLoop(_ body: @escaping @Sendable (HTTPExchange) -> EventLoopFuture<Void>) async throws {
        try await loop.flatSubmit { body(self) }.get()
    }

    private func sendHead(_ response: Response) -> EventLoopFuture<Void> {
        guard !isAborted else { return loop.makeFailedFuture(Aborted()) }
        var head = HTTPResponseHead(response.head)
        isBodiless = request.method == .head || [204, 304].contains(head.status.code)
        if version == .http1_0 {
            head.version = .http1_0
            // Without a length the end of the connection ends the body.
            if !isBodiless, !head.headers.contains(name: "content-length") { keepsAlive = false }
        }
        keepsAlive = keepsAlive && connection.keepsAlive(after: self)
        if !keepsAlive {
            head.headers.add(name: "Connection", value: "close")
        } else if version == .http1_0 {
            head.headers.add(name: "Connection", value: "keep-alive")
        }
        isAnswering = true
        return connection.write(.head(head), of: self)
    }

    private func end(_ trailers: HTTPFields?) -> EventLoopFuture<Void> {
        // The encoder would end a body that does not exist.
        let written =
            isBodiless
            ? loop.makeSucceededVoidFuture() : connection.write(.end(trailers.map { HTTPHeaders($0) }), of: self)
        written.whenSuccess { self.connection.hasAnswered(self) }
        return written
    }
}

extension HTTPRequest {
    /// The protocols that the client offers to upgrade to, in lower case; none unless it marks the field as hop-by-hop
    /// (RFC 9110 §7.8).
    var protocols: [String] {
        tokens(.connection).contains("upgrade") ? tokens(.upgrade) : []
    }

    /// The elements of a list of tokens, in lower case.
    func tokens(_ name: HTTPField.Name) -> [String] {
        headerFields[values: name].flatMap { $0.split(separator: ",") }
            .map { $0.trimmingBlanks().lowercased() }.filter { !$0.isEmpty }
    }

    /// Whether no body follows, by the head.
    var hasNoBody: Bool {
        headerFields[.transferEncoding] == nil && headerFields[.contentLength].map { $0 == "0" } ?? true
    }
}

extension StringProtocol {
    /// The text without blanks and tabs at its ends (RFC 9110 §5.6.3).
    func trimmingBlanks() -> SubSequence {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let start = firstIndex(where: { !isBlank($0) }), let end = lastIndex(where: { !isBlank($0) }) else {
            return self[endIndex...]
        }
        return self[start...end]
    }
}
