import Foundation
import Hummingbird
import NIOCore
import Synchronization
import XMPP
import XMPPServer
import XMPPStream

/// Dynamic registration of apps, RFC 7591, where a host allows it.
extension OAuth {
    private struct Wanted: Decodable {
        let redirectUris: [String]?
        let clientName: String?
        let scope: String?
        let tokenEndpointAuthMethod: String?
        let grantTypes: [String]?
    }

    private struct Registered: Encodable {
        let clientId: String
        let clientIdIssuedAt: Int64
        let clientName: String
        let redirectUris: [String]
        let scope: String
        let tokenEndpointAuthMethod = "none"
        let grantTypes: [String]
        let responseTypes: [String]
    }

    @Sendable func registerApp(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.body.collect(upTo: context.maxUploadSize)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let wanted = try? decoder.decode(Wanted.self, from: Data(body.readableBytesView)) else {
            throw OAuthError(.invalidMetadata, "the body is no JSON document with the metadata of a client")
        }
        let redirects = wanted.redirectUris ?? []
        guard redirects.count <= 10, redirects.allSatisfy(RedirectAddress.isAllowed) else {
            throw OAuthError(.invalidRedirect)
        }
        guard wanted.tokenEndpointAuthMethod ?? "none" == "none" else {
            throw OAuthError(.invalidMetadata, "token_endpoint_auth_method must be none")
        }
        let name = (wanted.clientName ?? "").filter { !$0.isNewline }
        guard (1...100).contains(name.count) else {
            throw OAuthError(.invalidMetadata, "client_name is missing or too long")
        }
        let asked = Set((wanted.scope ?? "").split(separator: " ").map(String.init)).intersection(App.knownScopes)
        let store = App.store(in: host.storage)
        guard registrations.begin(counted(context), at: host.uptime()) else {
            throw OAuthError(.temporarilyUnavailable)
        }
        defer { registrations.end() }
        // Present registrations are counted before stored ones are.
        let registered = try await store.all(host.jid).values.count(where: \.isSelfRegistered)
        guard registered + registrations.underWay <= settings.maximumApps else {
            throw OAuthError(.temporarilyUnavailable)
        }
        let app = App(
            id: SecureRandom.text(length: 16), name: name, redirects: redirects,
            scopes: asked.isEmpty ? Set(App.standardScopes) : asked, createdAt: host.now(), isSelfRegistered: true)
        try await store.put(app, host.jid, key: app.id)
        return .json(
            Registered(
                clientId: app.id, clientIdIssuedAt: app.createdAt.milliseconds / 1000, clientName: app.name,
                redirectUris: app.redirects, scope: app.scopes.sorted().joined(separator: " "),
                grantTypes: (redirects.isEmpty ? [] : ["authorization_code"]) + [
                    "refresh_token", Self.deviceGrantType,
                ],
                responseTypes: redirects.isEmpty ? [] : ["code"]),
            status: .created)
    }

    /// Removes apps that registered themselves a day ago and have no grants.
    @Sendable func removeUnusedApps() async {
        do throws(StorageError) {
            let store = App.store(in: host.storage)
            let before = host.now().adding(-86_400_000)
            for app in try await store.all(host.jid).values where app.isSelfRegistered && app.createdAt < before {
                guard try await host.storage.grants(host: host.domain, app: app.id).isEmpty else { continue }
                try await store.remove(host.jid, key: app.id)
            }
        } catch {
            _ = host.report(error)
        }
    }
}

/// Limits dynamic registrations: of one address per day, and at once.
final class AppRegistrations: Sendable {
    private let byAddress = AttemptLimit<CIDRBlock>(limit: 50, within: .seconds(86_400))
    private let count = Atomic<Int>(0)

    var underWay: Int { count.load(ordering: .sequentiallyConsistent) }

    /// - Parameter client: nil: not counted.
    /// - Returns: false if there were too many of that address; otherwise `end` must be called.
    func begin(_ client: CIDRBlock?, at now: Duration) -> Bool {
        if let client, byAddress.take(client, at: now) == nil { return false }
        count.add(1, ordering: .sequentiallyConsistent)
        return true
    }

    func end() { count.subtract(1, ordering: .sequentiallyConsistent) }
}
