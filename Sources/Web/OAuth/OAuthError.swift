import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// An OAuth error, RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5, RFC 7591 §3.2.2.
struct OAuthError: Error {
    enum Code: String {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case invalidGrant = "invalid_grant"
        case unauthorizedClient = "unauthorized_client"
        case unsupportedGrantType = "unsupported_grant_type"
        case unsupportedResponseType = "unsupported_response_type"
        case invalidScope = "invalid_scope"
        case accessDenied = "access_denied"
        case authorizationPending = "authorization_pending"
        case slowDown = "slow_down"
        case expiredToken = "expired_token"
        case temporarilyUnavailable = "temporarily_unavailable"
        case serverError = "server_error"
        case invalidRedirect = "invalid_redirect_uri"
        case invalidMetadata = "invalid_client_metadata"
    }

    let code: Code
    /// For the app's developer; reveals nothing about accounts or tokens.
    let text: String

    init(_ code: Code, _ text: String = "") {
        self.code = code
        self.text = text
    }

    private struct Body: Encodable {
        let error: String
        let errorDescription: String?
    }

    var response: Response {
        let status: HTTPResponse.Status =
            switch code {
            case .invalidClient: .unauthorized
            case .serverError: .internalServerError
            case .temporarilyUnavailable: .tooManyRequests
            default: .badRequest
            }
        var response = Response.json(
            Body(error: code.rawValue, errorDescription: text.isEmpty ? nil : text), status: status)
        if code == .invalidClient { response.headers[.wwwAuthenticate] = "Basic realm=\"apps\"" }
        return response
    }
}

extension Response {
    /// A JSON document with names in snake case. Pages of any site may read it, as apps do not authenticate by cookies.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return Response(status: .internalServerError) }
        return Response(
            status: status,
            headers: [.contentType: "application/json", .accessControlAllowOrigin: "*"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
