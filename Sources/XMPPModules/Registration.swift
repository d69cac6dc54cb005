import NIOCore
import XMPPServer

/// XEP-0077: In-Band Registration: registration before sign-in, if the host allows it; changing the password and
/// removing the account afterwards.
///
/// Left out: forms, redirection, and registration with other entities.
struct Registration: ServerModule {
    static let info = ModuleInfo(
        "registration", implements: [.xep(77, "2.4")], summary: "Lets clients make accounts and change passwords.")

    private static let namespace = Namespace.registration
    private static let feature: Namespace = "http://jabber.org/features/iq-register"

    struct Settings: ModuleSettings {
        let allowsGuests: Bool
        let allowsNewAccounts: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            allowsGuests = profile.offers(Invitation.module)
            allowsNewAccounts = section.boolean(
                "new-accounts", default: false,
                "Whether anybody can make an account; if not, passwords can be changed and accounts removed all the same."
            )
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        for layer in [StreamStateMachine.Layer.secured, .plain] {
            if settings.allowsNewAccounts { registrar.streamFeature(layer) { $0.element("register", Self.feature) } }
            registrar.streamElement("iq", .client, layer, beforeSignIn)
        }
        registrar.clientIQ(.get, "query", Self.namespace, to: [.server, .ownAccount], needs: .chat, describe)
        registrar.clientIQ(.set, "query", Self.namespace, to: [.server, .ownAccount], needs: .manageAccount, change)
    }

    // MARK: Before sign-in, §3.1

    @Sendable private func beforeSignIn(_ iq: Element, _ stream: ClientStream) -> Bool {
        let token = Invitations.token(of: stream)
        guard let stanza = Stanza(iq), let query = iq.onlyChild, query.isNamed("query", Self.namespace) else {
            return false
        }
        guard settings.allowsNewAccounts || token != nil else {
            guard stanza.type == .get || stanza.type == .set else { return false }
            // §3.1.1; the client may sign in on the same stream.
            stream.write { stanza.writeError(.serviceUnavailable, from: host.domain, to: nil, to: &$0) }
            return true
        }
        switch stanza.type {
        case .get:
            stream.write { writer in
                reply(to: stanza, &writer) { writer in
                    writer.element("query", Self.namespace) { writer in
                        writer.element("instructions", text: "Choose a user name and a password.")
                        writer.element("username")
                        writer.element("password")
                    }
                }
            }
        case .set:
            let user = query.child("username", Self.namespace)?.text ?? ""
            let password = query.child("password", Self.namespace)?.text ?? ""
            let address = stream.remoteAddress
            stream.wait({
                if let token {
                    await Invitations.register(user: user, password: password, from: address, token: token, host)
                } else {
                    await host.register(user: user, password: password, from: address)
                }
            }) { stream, result in
                stream.write { writer in
                    switch result {
                    case .success: reply(to: stanza, &writer) { _ in }
                    case .failure(let error): stanza.writeError(error, from: nil, to: nil, to: &writer)
                    }
                }
            }
        default:
            return false
        }
        return true
    }

    private func reply(to stanza: Stanza, _ writer: inout XMLWriter, _ content: (inout XMLWriter) -> Void) {
        writer.start("iq", .client)
        writer.attribute("type", "result" as StaticString)
        writer.attribute("id", stanza.id)
        content(&writer)
        writer.end()
    }

    // MARK: After sign-in, §3.2 and §3.3

    @Sendable private func describe(_ request: ClientRequest) -> Reply {
        let name = request.session.jid.local ?? ""
        return .result { writer in
            writer.element("query", Self.namespace) { writer in
                writer.element("registered")
                writer.element("username", text: name)
                writer.element("password")
            }
        }
    }

    @Sendable private func change(_ request: ClientRequest) -> Reply {
        if request.payload.hasChild("remove", Self.namespace) { return remove(request) }
        let account = request.record.jid
        guard let password = request.payload.child("password", Self.namespace)?.text,
            let name = request.payload.child("username", Self.namespace)?.text,
            let named = JID(local: name, domain: account.domain, resource: nil), named == account
        else { return .error(.badRequest) }
        let session = request.session
        return .async { await host.setPassword(password, of: account, sparing: session).reply }
    }

    /// §3.2: removes the account from its contacts' rosters; all its sessions end, the asking one after the answer.
    private func remove(_ request: ClientRequest) -> Reply {
        guard request.payload.onlyChild != nil else { return .error(.badRequest) }
        let session = request.session
        let contacts = session.record.withRoster { Array($0.items) }
        return .async {
            switch await host.remove(session.record.jid, sparing: session) {
            case .failure(let error):
                return .error(error)
            case .success:
                host.router.begin { await part(session.record, contacts) }
                return .last(.notAuthorized)
            }
        }
    }

    /// Contacts are told one after the other, as thousands of look-ups at once would delay others.
    private func part(_ record: AccountRecord, _ contacts: [RosterItem]) async {
        for contact in contacts {
            if case .account(let theirs, let jid) = host.router.hosts.recipient(of: contact.jid) {
                _ = await theirs.find(jid)
            }
            host.endSubscriptions(of: record, with: contact)
        }
    }
}

extension Result<Void, StanzaError> {
    fileprivate var reply: Reply {
        switch self {
        case .success: .ok
        case .failure(let error): .error(error)
        }
    }
}
