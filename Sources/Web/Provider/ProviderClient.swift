import AsyncHTTPClient
import Hummingbird
import NIOCore
import NIOHTTP1
import XMPPServer

/// Requests to an identity provider. Redirects are not followed; answers are bounded in size and time.
enum ProviderClient {
    struct Refused: Error {
        let status: UInt
    }

    private static let time = TimeAmount.seconds(10)
    private static let maximumSize = 256 * 1024

    /// Made when first needed.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Whether the address is authenticated by TLS, or local.
    static func isSafe(_ address: String) -> Bool {
        address.hasPrefix("https://") || RedirectAddress.isLoopback(address)
    }

    static func get(_ address: String) async throws -> ByteBuffer {
        try await send(HTTPClientRequest(url: address))
    }

    static func post(_ address: String, _ form: String, authorization: String) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: address)
        request.method = .POST
        request.headers = ["content-type": "application/x-www-form-urlencoded", "authorization": authorization]
        request.body = .bytes(ByteBuffer(string: form))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> ByteBuffer {
        guard isSafe(request.url) else { throw Refused(status: 0) }
        var request = request
        request.headers.add(name: "accept", value: "application/json")
        let response = try await client.execute(request, timeout: time)
        guard response.status == .ok else { throw Refused(status: response.status.code) }
        return try await response.body.collect(upTo: maximumSize)
    }
}
