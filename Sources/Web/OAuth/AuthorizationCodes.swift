import XMPP
import XMPPServer
import XMPPStream

/// The codes that apps get by way of the browser, RFC 6749 §4.1.2. They are in memory alone, by their digests.
final class AuthorizationCodes: Sendable {
    /// What a code is worth.
    enum Worth: Sendable {
        case granted(AuthorizationRequest, OpenedAccount)
        /// It has been shown before; what it was exchanged for is void, RFC 6749 §4.1.2.
        case used(grant: String?)
        case nothing
    }

    private struct Entry: Sendable {
        let request: AuthorizationRequest
        let account: OpenedAccount
        let end: Timestamp
        var isUsed = false
        var isShownAgain = false
        var grant: String?
    }

    /// Milliseconds.
    private static let lifetime: Int64 = 60_000
    /// How long it is known that a code was used.
    private static let memory: Int64 = 600_000

    private let codes = ExpiringTable<[UInt8], JID, Entry>(capacity: 10_000, share: 50)

    /// - Returns: nil if there are too many, of the account or in all.
    func make(_ request: AuthorizationRequest, _ account: OpenedAccount, now: Timestamp) -> String? {
        let code = SecureRandom.text(length: 43)
        let entry = Entry(request: request, account: account, end: now.adding(Self.lifetime))
        let digest = Authenticator.digest(ofToken: code)
        let isAdded = codes.add(entry, digest, of: account.record.jid, until: now.adding(Self.memory), now: now)
        return isAdded ? code : nil
    }

    /// Takes a code, whatever becomes of it: it is good for one try.
    func take(_ code: String, now: Timestamp) -> Worth {
        codes.update(Authenticator.digest(ofToken: code), now: now) { entry in
            guard !entry.isUsed else {
                entry.isShownAgain = true
                return .used(grant: entry.grant)
            }
            entry.isUsed = true
            return entry.end > now ? .granted(entry.request, entry.account) : .nothing
        } ?? .nothing
    }

    /// Notes what a code was exchanged for. `false`: it was shown again meanwhile, or is void.
    func exchanged(_ code: String, for grant: String, now: Timestamp) -> Bool {
        codes.update(Authenticator.digest(ofToken: code), now: now) { entry in
            entry.grant = grant
            return !entry.isShownAgain
        } ?? false
    }

    /// The app is signed out: what the account's owner has agreed to before is void.
    func forget(app: String, of account: JID) {
        codes.removeAll { $0.request.app.id == app && $0.account.record.jid == account }
    }

    /// The account is removed.
    func forget(_ account: JID) { codes.removeAll { $0.account.record.jid == account } }
}
