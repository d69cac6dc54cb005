import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import XMPP
import XMPPServer

/// The commands of administrators over HTTP: `POST /api/v1/commands/NAME` with a JSON object of arguments, with an
/// administrator's access token with the scope `admin` (RFC 6750). Cookies are not accepted, so pages of other sites
/// cannot use it. `GET /api/v1/openapi.json` describes the commands.
struct CommandAPI: WebModule {
    static let info = ModuleInfo(
        "command-api", implements: [.rfc(6750, "§2.1, §3"), .other("OpenAPI 3.1.1")], requires: ["web-pages"],
        summary: "Administrators' programs manage the host over HTTP.")

    static let path = "/api/v1/commands"

    /// The maximum bytes of a body, with room for a picture as Base64.
    private static let maximumBody = 128 * 1024

    struct Settings: ModuleSettings {
        let perMinute: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            perMinute = section.integer(
                "requests-per-minute", default: 600, in: 0...1_000_000,
                "Commands that an administrator may ask for in a minute; 0: any number.")
        }
    }

    private let host: XMPPServer.Host
    private let requests: AttemptLimit<JID>

    init(host: XMPPServer.Host, settings: Settings) {
        self.host = host
        requests = AttemptLimit(limit: settings.perMinute, within: .seconds(60))
    }

    /// Administrators can make tokens with the scope even where no app gets one.
    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        let command = RouterPath("\(Self.path)/:name")
        let description = RouterPath("/api/v1/openapi.json")
        site.router.post(command, use: perform)
        site.router.get(description) { _, context in
            Self.json(OpenAPI.document(of: commands, at: context.site), .ok)
        }
        for method in [HTTPRequest.Method.get, .put, .patch, .delete] {
            site.router.on(command, method: method) { _, _ in Self.notAllowed("POST") }
        }
        for method in [HTTPRequest.Method.post, .put, .patch, .delete] {
            site.router.on(description, method: method) { _, _ in Self.notAllowed("GET") }
        }
    }

    /// Those that need no session.
    private var commands: [Command] {
        host.commands.filter { [.administrator, .serverAdministrator].contains($0.audience) }
    }

    // MARK: Requests

    private func perform(_ request: Request, _ context: WebContext) async throws -> Response {
        let caller: CommandCall.Caller
        switch await self.caller(request, context) {
        case .failure(let refusal): return refusal.response
        case .success(let found): caller = found
        }
        guard let command = commands.first(where: { $0.name == context.parameters.get("name") }) else {
            return Self.failure(AdministrationError("there is no such command", .notFound))
        }
        guard Self.isJSON(request.headers[.contentType]) else {
            return Self.failure(
                AdministrationError("the body is to be JSON, with the type application/json"), .unsupportedMediaType)
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.maximumBody)
        } catch is NIOTooManyBytesError {
            return Self.failure(
                AdministrationError("the body may have \(Self.maximumBody) bytes"), .contentTooLarge)
        }
        guard
            case .record(let arguments)? = try? JSONDecoder().decode(
                CommandValue.self, from: Data(body.readableBytesView))
        else { return Self.failure(AdministrationError("the body is to be a JSON object without fractions")) }
        do {
            let result = try await context.site.administration.perform(command, arguments, for: caller)
            return Self.json(result.value, .ok)
        } catch {
            return Self.failure(error as? AdministrationError ?? AdministrationError("\(error)", .failed))
        }
    }

    private static func isJSON(_ type: String?) -> Bool {
        type?.prefix { $0 != ";" }.trimmingBlanks().lowercased() == "application/json"
    }

    /// A request that is refused before it is read.
    private struct Refusal: Error {
        let response: Response
    }

    /// RFC 6750 §3. Without a valid token nothing is revealed about commands and accounts.
    private func caller(_ request: Request, _ context: WebContext) async -> Result<CommandCall.Caller, Refusal> {
        let header = request.headers[.authorization]?.split(separator: " ", maxSplits: 1) ?? []
        guard header.count == 2, header[0].lowercased() == "bearer" else { return .failure(challenge()) }
        let token = String(header[1].trimmingBlanks())
        let found: (record: AccountRecord, rights: SessionRights)
        switch await context.site.authenticator.verify(accessToken: token, host: host, from: context.client) {
        case .success(let verified): found = verified
        case .failure(.temporaryAuthFailure):
            return .failure(Refusal(response: Self.busy("too many requests; try again in a moment")))
        case .failure: return .failure(challenge("invalid_token"))
        }
        guard found.rights.contains(.administer), found.record.account.isAdministrator else {
            return .failure(challenge("insufficient_scope", .forbidden))
        }
        guard requests.take(found.record.jid, at: host.uptime()) != nil else {
            return .failure(Refusal(response: Self.busy("too many commands; try again in a minute")))
        }
        return .success(.account(found.record, host, found.rights, nil))
    }

    private func challenge(_ error: String? = nil, _ status: HTTPResponse.Status = .unauthorized) -> Refusal {
        let parameters =
            ["realm=\"\(host.domain)\""] + (error.map { ["error=\"\($0)\""] } ?? [])
            + (status == .forbidden ? ["scope=\"\(AccessScope.admin.rawValue)\""] : [])
        let text =
            status == .forbidden
            ? "this takes a token with the scope admin, of an administrator" : "this takes a good access token"
        var response = Self.failure(AdministrationError(text, .forbidden), status)
        response.headers[.wwwAuthenticate] = "Bearer \(parameters.joined(separator: ", "))"
        return Refusal(response: response)
    }

    // MARK: Answers

    private struct Failure: Encodable {
        let error: AdministrationError.Kind
        let message: String
        let parameter: String?
    }

    private static func failure(_ error: AdministrationError, _ status: HTTPResponse.Status? = nil) -> Response {
        let usual: HTTPResponse.Status =
            switch error.kind {
            case .invalid: .badRequest
            case .notFound: .notFound
            case .conflict: .conflict
            case .forbidden: .forbidden
            case .busy: .tooManyRequests
            case .failed: .internalServerError
            }
        // Internal errors are in the log only.
        let message = error.kind == .failed ? "the server failed" : error.description
        return json(Failure(error: error.kind, message: message, parameter: error.parameter), status ?? usual)
    }

    private static func busy(_ text: String) -> Response {
        var response = failure(AdministrationError(text, .busy))
        response.headers[.retryAfter] = "60"
        return response
    }

    private static func notAllowed(_ method: String) -> Response {
        var response = failure(AdministrationError("the method is \(method)"), .methodNotAllowed)
        response.headers[.allow] = method
        return response
    }

    private static func json(_ value: some Encodable, _ status: HTTPResponse.Status) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return Response(status: .internalServerError) }
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
