import NIOCore
import Synchronization
import XMPPServer

/// XEP-0379, XEP-0401 and XEP-0445: invitations, made by `swallowtail invite` or by people in their clients. A guest
/// with the token becomes the inviter's contact without a subscription request, and may register an account if the
/// invitation allows it. A token is valid once.
///
/// Left out: the command of XEP-0401 §5.4 that makes accounts; administrators have it in `swallowtail`.
struct Invitations: ServerModule {
    static let info = ModuleInfo(
        Invitation.module, implements: [.xep(379, "0.3.3"), .xep(401, "0.6.0"), .xep(445, "0.2.0")],
        requires: ["presence", "registration"],
        summary: "Invitations to make an account, or to become somebody's contact.")

    static let personalData = [
        PersonalData(
            ofHost: Invitation.storeName, Invitation.self, describedAs: "invitation",
            isAbout: { invitation, account in invitation.inviter == account }
        ) { [("created", $0.createdAt.xep0082), ("expires", $0.expiresAt.xep0082)] }
    ]

    private static let namespace: Namespace = "urn:xmpp:pars:0"
    private static let feature: Namespace = "urn:xmpp:ibr-token:0"
    /// The valid token that a stream's client has shown.
    private static let token = ClientStream.Slot<String>()
    private static let attempts = ClientStream.Slot<Int>()
    private static let maximumAttempts = 5

    struct Settings: ModuleSettings {
        let areMadeByUsers: Bool
        let allowAccounts: Bool
        let perDay: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            areMadeByUsers = section.boolean(
                "by-users", default: true, "Whether people make invitations in their clients.")
            allowAccounts = section.boolean(
                "accounts-by-users", default: false, "Whether guests of these may make an account.")
            perDay = section.integer(
                "by-user-per-day", default: 20, in: 0...10_000,
                "Invitations that an account may make in a day; 0: any number.")
        }
    }

    private let host: Host
    private let settings: Settings
    private let store: KeyedStore<Invitation>
    private let made: AttemptLimit<JID>

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        store = Invitation.store(in: host.storage)
        made = AttemptLimit(limit: settings.perDay, within: .seconds(86_400))
    }

    func register(_ registrar: inout Registrar) {
        if settings.areMadeByUsers {
            registrar.command(
                Command(
                    "invite", "Makes an invitation to one's own contacts.", for: .person(.manageAccess),
                    title: "Invite somebody", node: "urn:xmpp:invite#invite", formType: "urn:xmpp:invite#invitation",
                    run: invite))
        }
        registrar.job(every: .seconds(3_600), removeVoid)
        for layer in [StreamStateMachine.Layer.secured, .plain] {
            registrar.streamFeature(layer) { $0.element("register", Self.feature) }
            registrar.streamElement("iq", .client, layer, beforeSignIn)
        }
        registrar.on(Hooks.presenceToAccount, .rewrite) { event in
            guard event.stanza.type == .subscribe, let account = event.account,
                let token = event.stanza.element.child("preauth", Self.namespace)?["token"]
            else { return .go }
            let guest = event.from.bare
            return .wait {
                await admit(guest, to: account, token)
                return .go
            }
        }
    }

    // MARK: To make an account, XEP-0445 §3

    /// The token with which a stream's client may register.
    static func token(of stream: ClientStream) -> String? { stream[token] }

    @Sendable private func beforeSignIn(_ iq: Element, _ stream: ClientStream) -> Bool {
        guard let stanza = Stanza(iq), stanza.type == .set, let preauth = iq.onlyChild,
            preauth.isNamed("preauth", Self.namespace)
        else { return false }
        let token = preauth["token"] ?? ""
        let attempts = (stream[Self.attempts] ?? 0) + 1
        guard attempts <= Self.maximumAttempts else {
            stream.close(.policyViolation)
            return true
        }
        stream[Self.attempts] = attempts
        stream.wait({ await find(token) }) { stream, found in
            let isGood = if case .success(let invitation?) = found { invitation.allowsAccount } else { false }
            if isGood { stream[Self.token] = token }
            stream.write { writer in
                switch found {
                case .success where isGood:
                    writer.element("iq", .client, ["type": "result", "id": stanza.id, "from": host.domain])
                case .success:
                    let error = StanzaError(.itemNotFound, text: "The token is invalid or expired.")
                    stanza.writeError(error, from: host.domain, to: nil, to: &writer)
                case .failure(let error):
                    stanza.writeError(error, from: host.domain, to: nil, to: &writer)
                }
            }
        }
        return true
    }

    /// Registers an account for a guest; afterwards the token is void, and the guest is the inviter's contact.
    static func register(
        user: String, password: String, from address: SocketAddress?, token: String, _ host: Host
    ) async -> Result<Void, StanzaError> {
        let store = Invitation.store(in: host.storage)
        let key = Invitation.key(ofToken: token)
        guard redeeming.began(key) else { return .failure(.notAcceptable) }
        defer { redeeming.ended(key) }
        let invitation: Invitation
        do throws(StorageError) {
            // §3: a token that has expired since it was shown is still valid.
            guard let found = try await store.get(host.jid, key: key), found.allowsAccount else {
                return .failure(.notAcceptable)
            }
            invitation = found
        } catch {
            return .failure(host.report(error))
        }
        let result = await host.register(
            user: user, password: password, from: address, with: [store.removing(host.jid, key: key)])
        if case .success = result, let inviter = invitation.inviter,
            let guest = JID(local: user, domain: host.domain, resource: nil)
        {
            await befriend(inviter, guest, host)
        }
        return result
    }

    /// Makes the two each other's contacts.
    private static func befriend(_ inviter: JID, _ guest: JID, _ host: Host) async {
        guard case .success(let one?) = await host.find(inviter), case .success(let other?) = await host.find(guest)
        else { return }
        for (record, contact) in [(one, other), (other, one)] {
            let change: RosterChange?
            do throws(RosterBounds.Exceeded) {
                change = try record.updateRoster(contact.jid, within: host.rosterBounds) { item in
                    var item = item ?? RosterItem(jid: contact.jid)
                    item.state = .both
                    item.isListed = true
                    item.isApproved = false
                    item.invitation = nil
                    return item
                }
            } catch {
                // Without room in the inviter's roster there is no subscription in either direction.
                return
            }
            guard let change else { continue }
            var event = RosterEvent(account: record, change: change, host: host)
            host.fire(Hooks.rosterChanged, &event)
        }
    }

    // MARK: To become a contact, XEP-0379 §5

    /// Accepts a guest with a valid token before the subscription request is processed, and requests a subscription in
    /// return. With an invalid token the request is an ordinary one.
    private func admit(_ guest: JID, to account: AccountRecord, _ token: String) async {
        let key = Invitation.key(ofToken: token)
        guard Self.redeeming.began(key) else { return }
        defer { Self.redeeming.ended(key) }
        guard case .success(let invitation?) = await find(token), invitation.inviter == account.jid,
            account.rosterItem(guest)?.state.hasFrom != true
        else { return }
        do throws(StorageError) {
            try await store.remove(host.jid, key: key)
        } catch {
            _ = host.report(error)
            return
        }
        do throws(RosterBounds.Exceeded) {
            try account.updateRoster(guest, within: host.rosterBounds) { item in
                var item = item ?? RosterItem(jid: guest)
                item.isApproved = true
                item.isListed = true
                return item
            }
        } catch {
            return
        }
        // The contact is in the roster by now, so there is room.
        if account.rosterItem(guest)?.state.hasTo != true { _ = host.invite(guest, of: account) }
    }

    // MARK: By people in their clients, XEP-0401 §5.1

    /// The result for the inviter.
    private struct Invited: CommandRecord {
        let uri: String
        let expire: String

        static let columns: [CommandColumn<Invited>] = [
            .text("uri", .hidden) { $0.uri },
            .text("expire", .hidden, shape: .moment) { $0.expire },
        ]
    }

    @Sendable private func invite(_ call: CommandCall) async throws -> Invited {
        guard let session = call.session else { throw AdministrationError("clients alone invite", .forbidden) }
        let inviter = session.record.jid
        let now = host.now()
        guard made.take(inviter, at: host.uptime()) != nil else {
            throw AdministrationError("there were too many invitations today", .busy)
        }
        let token = Invitation.makeToken()
        let invitation = Invitation(
            inviter: inviter, createdAt: now,
            expiresAt: Timestamp(milliseconds: now.milliseconds + Invitation.standardSeconds * 1000),
            allowsAccount: settings.allowAccounts)
        let key = Invitation.key(ofToken: token)
        try await store.put(invitation, host.jid, key: key)
        // The host owns the invitation, and the removal of the account may have come before it.
        guard host.accounts.cached(inviter) === session.record else {
            try await store.remove(host.jid, key: key)
            throw AdministrationError("the account is removed", .forbidden)
        }
        return Invited(
            uri: invitation.link(token: token, host: host.domain), expire: invitation.expiresAt.xep0082)
    }

    @Sendable private func removeVoid() async {
        do throws(StorageError) {
            let void = try await store.all(host.jid).filter { $0.value.expiresAt <= host.now() }
            if !void.isEmpty { try await host.storage.commit(void.keys.map { store.removing(host.jid, key: $0) }) }
        } catch {
            _ = host.report(error)
        }
    }

    // MARK: Tokens

    /// The invitation of a token; nil: there is none, or it has expired.
    private func find(_ token: String) async -> Result<Invitation?, StanzaError> {
        do throws(StorageError) {
            let found = try await store.get(host.jid, key: Invitation.key(ofToken: token))
            return .success(found.flatMap { $0.expiresAt > host.now() ? $0 : nil })
        } catch {
            return .failure(host.report(error))
        }
    }

    /// The tokens that are being redeemed, so that none is used twice.
    private static let redeeming = Redeeming()

    private final class Redeeming: Sendable {
        private let keys = Mutex<Set<String>>([])
        func began(_ key: String) -> Bool { keys.withLock { $0.insert(key).inserted } }
        func ended(_ key: String) { keys.withLock { _ = $0.remove(key) } }
    }
}
