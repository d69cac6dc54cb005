import XMPPServer

/// XEP-0055: Jabber Search: a service that finds the host's people by name. Off by default, as people have not agreed
/// to be listed.
struct UserSearch: ServerModule {
    static let info = ModuleInfo(
        "user-search", implements: [.xep(55, "1.3")], requires: ["disco"],
        summary: "People of the host find each other by their names.")

    private static let namespace: Namespace = "jabber:iq:search"
    /// The number of searches of one account per minute: each examines all accounts.
    private static let perMinute = 20

    struct Settings: ModuleSettings {
        let domain: String?
        let maximum: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            domain = section.optionalString("domain", "The directory's domain; without it `search.` and the host's.")
            maximum = section.integer("maximum", default: 50, in: 1...1000, "How many people an answer has at most.")
        }
    }

    private let host: Host
    private let settings: Settings
    private let limit = AttemptLimit<JID>(limit: UserSearch.perMinute, within: .seconds(60))

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.service("search", at: settings.domain, name: "People") { [self] service in
            service.identity(category: "directory", type: "user", name: "People")
            service.feature(Self.namespace)
            service.clientIQ(.get, "query", Self.namespace, to: .server, needs: .chat, describe)
            service.clientIQ(.set, "query", Self.namespace, to: .server, needs: .chat, search)
        }
    }

    /// §2.1, with a form of XEP-0004 for clients that know them.
    @Sendable private func describe(_ request: ClientRequest) -> Reply {
        .result { writer in
            writer.element("query", Self.namespace) { writer in
                writer.element("instructions", text: "Write a name, or part of one.")
                writer.element("nick")
                writer.element("x", .dataForms, ["type": "form"]) { writer in
                    writer.element("title", text: "People")
                    Self.field("FORM_TYPE", "hidden", nil, Self.namespace.name, to: &writer)
                    Self.field("nick", "text-single", "Name", nil, to: &writer)
                }
            }
        }
    }

    @Sendable private func search(_ request: ClientRequest) -> Reply {
        let query = request.payload
        let form = query.child("x", .dataForms)
        let field = form?.children.first { $0.isNamed("field", .dataForms) && $0["var"] == "nick" }
        let text = (form == nil ? query.child("nick", Self.namespace) : field?.child("value", .dataForms))?.text ?? ""
        let words = text.lowercased().split { $0.isWhitespace || $0 == "*" }.map(String.init)
        guard words.contains(where: { $0.count > 1 }) else { return .error(.notAcceptable) }
        guard limit.take(request.record.jid, at: host.uptime()) != nil else {
            return .error(StanzaError(.resourceConstraint))
        }
        let usesForm = form != nil
        return .async {
            do throws(StorageError) {
                let accounts = try await host.storage.accounts(host: host.domain)
                let found = Array(
                    accounts.lazy.filter { account in words.allSatisfy { Self.matches(account, $0) } }
                        .prefix(settings.maximum))
                return .result { Self.write(found, usesForm: usesForm, to: &$0) }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private static func matches(_ account: Account, _ word: String) -> Bool {
        account.displayName.lowercased().contains(word) || (account.jid.local ?? "").contains(word)
    }

    private static func write(_ accounts: [Account], usesForm: Bool, to writer: inout XMLWriter) {
        writer.element("query", namespace) { writer in
            guard usesForm else {
                for account in accounts {
                    writer.element("item", nil, ["jid": account.jid.string]) {
                        $0.element("nick", text: account.displayName)
                    }
                }
                return
            }
            writer.element("x", .dataForms, ["type": "result"]) { writer in
                field("FORM_TYPE", "hidden", nil, namespace.name, to: &writer)
                writer.element("reported") { writer in
                    field("jid", "jid-single", "Address", nil, to: &writer)
                    field("nick", "text-single", "Name", nil, to: &writer)
                }
                for account in accounts {
                    writer.element("item") { writer in
                        field("jid", nil, nil, account.jid.string, to: &writer)
                        field("nick", nil, nil, account.displayName, to: &writer)
                    }
                }
            }
        }
    }

    private static func field(
        _ name: String, _ type: String?, _ label: String?, _ value: String?, to writer: inout XMLWriter
    ) {
        writer.element("field", nil, ["var": name, "type": type, "label": label]) { writer in
            if let value { writer.element("value", text: value) }
        }
    }
}
