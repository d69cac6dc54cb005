import Foundation
import XMPP
import XMPPStream

extension Administration {
    static let appCommands = [
        Command(
            "app-add", "Registers an app, which people may let into their accounts.", for: .administrator,
            .text("name", "What people know the app by."),
            .anyHost("The host whose people it may ask."),
            .optional(.text("id", "The id by which the app asks; without it, a random one.")),
            .texts("redirect", "Where people are sent back to; may be repeated."),
            .texts(
                "scope",
                "What the app may ask for; may be repeated. Without it, all that there is but admin."),
            .boolean(
                "secret", default: false,
                "Give it a secret, which is shown this once: for services that can keep one.")
        ) { call, name, host, id, redirects, scopes, hasSecret in
            try await call.administration.add(
                NewApp(host: host, id: id, name: name, redirects: redirects, scopes: scopes, hasSecret: hasSecret))
        },
        Command(
            "app-list", "Lists the apps.", for: .administrator, isReading: true,
            .anyHost("The host; without it, all of them.")
        ) { call, host in try await call.administration.apps(of: host) },
        Command(
            "app-remove", "Removes an app and signs it out wherever it is signed in.", for: .administrator,
            .text("id", "The app's id, as `app list` shows it."),
            .anyHost("The host; without it, the only one with such an app.")
        ) { call, id, host in Sentence(try await call.administration.removeApp(id, host: host)) },
    ]

    /// Registers an app that may ask people for access.
    public func add(_ wanted: NewApp) async throws -> RegisteredApp {
        let owner = try appHost(wanted.host)
        let store = App.store(in: storage)
        let id = wanted.id ?? SecureRandom.text(length: 16)
        let isPlain = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        }
        guard !id.isEmpty, id.count <= 64, id.allSatisfy(isPlain) else {
            throw AdministrationError("\"\(id)\" is no id for an app; use letters, digits, -, _ and .")
        }
        guard try await store.get(owner, key: id) == nil else {
            throw AdministrationError("there is an app \(id) already", .conflict)
        }
        for redirect in wanted.redirects where !RedirectAddress.isAllowed(redirect) {
            throw AdministrationError(
                "\"\(redirect)\" is no address to send people back to; write one with https, with a scheme of the app's own "
                    + "such as com.example.app:/back, or http://127.0.0.1/back")
        }
        for scope in wanted.scopes where !App.knownScopes.contains(scope) {
            throw AdministrationError(
                "there is no scope \(scope); there are \(App.knownScopes.joined(separator: ", "))")
        }
        let secret = wanted.hasSecret ? SecureRandom.text(length: 43) : nil
        let app = App(
            id: id, name: wanted.name, redirects: wanted.redirects,
            scopes: Set(wanted.scopes.isEmpty ? App.standardScopes : wanted.scopes),
            secret: secret.map(Authenticator.digest(ofToken:)), createdAt: now())
        try await store.put(app, owner, key: id)
        return RegisteredApp(secret: secret, info: AppInfo(app, host: owner.domain))
    }

    func apps(of host: String?) async throws -> [AppInfo] {
        var apps: [AppInfo] = []
        for domain in try host.map({ [try domain($0)] }) ?? hosts.map(\.domain) where manages(domain) {
            guard let owner = JID(local: nil, domain: domain, resource: nil) else { continue }
            let stored = try await App.store(in: storage).all(owner).values
            apps += stored.sorted { ($0.name, $0.id) < ($1.name, $1.id) }.map { AppInfo($0, host: domain) }
        }
        return apps
    }

    /// Removes an app and revokes its grants.
    func removeApp(_ id: String, host: String?) async throws -> String {
        let found = try await apps(of: host).filter { $0.id == id }
        guard let app = found.first, let owner = JID(local: nil, domain: app.host, resource: nil) else {
            throw AdministrationError("there is no app \(id)", .notFound)
        }
        guard found.count == 1 else {
            throw AdministrationError("there is an app \(id) on several hosts; say which with --host")
        }
        try await App.store(in: storage).remove(owner, key: id)
        let grants = try await storage.grants(host: app.host, app: id)
        for grant in grants {
            try await server.hosts[app.host]?.revoke(grant)
        }
        return "the app \(app.name) is removed, and what \(grants.count) people had let it do"
    }

    private func appHost(_ domain: String?) throws -> JID {
        let domains = hosts.map(\.domain)
        guard let domain = try domain.map(self.domain) ?? (domains.count == 1 ? domains.first : nil) else {
            throw AdministrationError("there are several hosts; say --host \(domains.joined(separator: " or "))")
        }
        guard domains.contains(domain), let jid = JID(local: nil, domain: domain, resource: nil) else {
            throw AdministrationError("\(domain) is not served here; the hosts are \(domains.joined(separator: ", "))")
        }
        return jid
    }
}
