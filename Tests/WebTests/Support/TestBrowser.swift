import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Web

/// Somebody's browser: it keeps cookies, follows nothing by itself, and fills in forms.
final class TestBrowser: Sendable {
    /// What came back.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let text: String

        var location: String? { headers.first(name: "location") }

        /// The parameters in the query or the fragment of the place that it leads to.
        var parameters: Form? {
            guard let location, let mark = location.firstIndex(where: { "?#".contains($0) }) else { return nil }
            return Form(location[location.index(after: mark)...])
        }

        /// The hidden fields of the page's form that leads to a path.
        func fields(of path: String) -> [(name: String, value: String)] {
            guard let start = text.range(of: "action=\"\(path)\""),
                let end = text.range(of: "</form>", range: start.upperBound..<text.endIndex)
            else { return [] }
            return text[start.upperBound..<end.lowerBound]
                .matches(of: /<input type="hidden" name="([^"]*)" value="([^"]*)">/)
                .map { (String($0.output.1), Self.unescape(String($0.output.2))) }
        }

        /// What the page says came of something.
        var message: String? {
            text.firstMatch(of: /role="(?:status|alert)"[^>]*>([^<]*)</).map { String($0.output.1) }
        }

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
        }

        private static func unescape(_ text: String) -> String {
            var text = text
            for (name, character) in [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")] {
                text = text.replacing(name, with: character)
            }
            return text
        }
    }

    private let site: TestSite
    private let jar = Mutex<[String: String]>([:])

    init(_ site: TestSite) {
        self.site = site
    }

    /// The same browser, for a site that has taken the place of this one.
    func moved(to site: TestSite) -> TestBrowser {
        let browser = TestBrowser(site)
        for (name, value) in cookies { browser.set(cookie: name, to: value) }
        return browser
    }

    var cookies: [String: String] { jar.withLock { $0 } }

    func set(cookie name: String, to value: String) { jar.withLock { $0[name] = value } }

    func get(_ path: String, host: String? = nil) async throws -> Answer {
        try await send(.GET, path, headers: [:], body: nil, host: host)
    }

    func post(_ path: String, _ fields: [(name: String, value: String)], headers: HTTPHeaders = [:]) async throws
        -> Answer
    {
        var headers = headers
        headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        return try await send(.POST, path, headers: headers, body: Form.encode(fields.map { ($0.name, $0.value) }))
    }

    /// Posts a form of a page, and shows the page that it leads to; for a form that did what it should.
    func submit(_ path: String, _ fields: [(name: String, value: String)]) async throws -> Answer {
        try await shown(by: try await post(path, fields))
    }

    /// The page that a form leads to.
    func shown(by answer: Answer) async throws -> Answer {
        guard answer.status == 303, let location = answer.location else { return answer }
        return try await get(location)
    }

    func post(_ path: String, body: String, type: String) async throws -> Answer {
        try await send(.POST, path, headers: ["content-type": type], body: body)
    }

    func send(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders, body: String?, host: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(site.port)\(path)")
        request.method = method
        request.headers = headers
        request.headers.replaceOrAdd(name: "host", value: host ?? "\(TestSite.domain):\(site.port)")
        let cookies = cookies
        if !cookies.isEmpty {
            request.headers.add(name: "cookie", value: cookies.map { "\($0)=\($1)" }.joined(separator: "; "))
        }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await Self.client.execute(request, timeout: .seconds(60))
        for line in response.headers["set-cookie"] {
            let pair = line.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { set(cookie: String(pair[0]), to: String(pair[1])) }
        }
        let content = try await response.body.collect(upTo: 1 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, text: String(buffer: content))
    }

    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    // MARK: What people do

    /// Signs in on the page.
    @discardableResult
    func signIn(
        _ name: String = "mary@contoso.example", password: String = TestSite.password, next: String = "/account"
    )
        async throws -> Answer
    {
        let page = try await get("/sign-in?" + Form.encode([("next", next)]))
        return try await post("/sign-in", page.fields(of: "/sign-in") + [("name", name), ("password", password)])
    }

    static let verifier = String(repeating: "v", count: 64)

    /// What an app asks for, unless it asks for something else.
    static func request(_ changes: [String: String?] = [:]) -> String {
        var fields: [String: String?] = [
            "response_type": "code", "client_id": "chat", "redirect_uri": TestSite.redirect,
            "scope": "wl.messenger wl.offline_access", "state": "a b&c", "code_challenge_method": "S256",
            "code_challenge": Base64URL.encode(Self.digest(verifier)),
        ]
        for (name, value) in changes { fields[name] = .some(value) }
        return "/oauth/authorize?" + Form.encode(fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    private static func digest(_ text: String) -> [UInt8] { TestCrypto.sha256(Array(text.utf8)) }

    /// Lets an app in, and returns what it is told.
    func agree(to path: String) async throws -> Answer {
        let page = try await get(path)
        return try await post("/oauth/authorize", page.fields(of: "/oauth/authorize") + [("decision", "allow")])
    }

    /// The answer of the token endpoint to an app with the code.
    func exchange(_ code: String, _ changes: [String: String?] = [:]) async throws -> Answer {
        var fields: [String: String?] = [
            "grant_type": "authorization_code", "client_id": "chat", "code": code, "redirect_uri": TestSite.redirect,
            "code_verifier": Self.verifier,
        ]
        for (name, value) in changes { fields[name] = .some(value) }
        return try await TestBrowser(site).post(
            "/oauth/token", fields.compactMap { name, value in value.map { (name, $0) } })
    }

    /// All of it: the tokens that an app gets from somebody who has signed in.
    func tokens(_ changes: [String: String?] = [:]) async throws -> (access: String, refresh: String) {
        let code = try #require(try await agree(to: Self.request(changes)).parameters?["code"])
        let json = try await exchange(code).json
        return (try #require(json["access_token"] as? String), json["refresh_token"] as? String ?? "")
    }
}
