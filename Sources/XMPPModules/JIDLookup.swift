import XMPPServer

/// The Messenger service's look-up of the JID of an account id, such as an e-mail address.
///
///     C: <iq type="get" id="g1" to="mary@contoso.example"><getjid xmlns="http://messenger.live.com/xmpp/jidlookup"/></iq>
///     S: <iq type="result" id="g1" from="mary@contoso.example" to="…"><getjid …><jid>0003…@messenger.live.com</jid></getjid></iq>
struct JIDLookup: ServerModule {
    static let info = ModuleInfo(
        "jid-lookup", implements: [.other("Messenger XMPP service, getjid")],
        summary: "Tells the address that belongs to an account id.")

    /// The namespace that clients used, and the one in the service's documentation.
    static let namespaces: [Namespace] = ["http://messenger.live.com/xmpp/jidlookup", "jidlookup"]

    struct Settings: ModuleSettings {
        let perMinute: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            perMinute = section.integer(
                "per-minute", default: 60, in: 0...100_000,
                "Look-ups that an account may make in a minute; 0: any number.")
        }
    }

    private let host: Host
    private let limit: AttemptLimit<JID>

    init(host: Host, settings: Settings) {
        self.host = host
        limit = AttemptLimit(limit: settings.perMinute, within: .seconds(60))
    }

    func register(_ registrar: inout Registrar) {
        for namespace in Self.namespaces {
            registrar.feature(namespace)
            registrar.iq(.get, "getjid", namespace, to: .anyAddress, needs: .chat) { request in
                guard limit.take(request.from.bare, at: host.uptime()) != nil else {
                    return .error(StanzaError(.resourceConstraint))
                }
                let asked = request.owner
                return .async { await answer(asked, namespace) }
            }
        }
    }

    private func answer(_ asked: JID, _ namespace: Namespace) async -> Reply {
        do throws(StorageError) {
            let account =
                asked.domain == host.domain
                ? try await host.storage.account(asked)
                : try await host.storage.account(host: host.domain, accountID: asked.string)
            guard let jid = account?.jid else { return .error(.itemNotFound) }
            return .result { writer in
                writer.element("getjid", namespace) { $0.element("jid", text: jid.string) }
            }
        } catch {
            return .error(host.report(error))
        }
    }
}
