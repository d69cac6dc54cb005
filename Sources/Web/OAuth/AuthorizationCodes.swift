import XMPP
import XMPPServer
import XMPPStream

/// Authorization codes, RFC 6749 §4.1.2. In memory only, by digest.
final class AuthorizationCodes: Sendable {
    /// The state of a code.
    enum Worth: Sendable {
        case granted(AuthorizationRequest, OpenedAccount)
        /// It was used before; the tokens exchanged for it become void, RFC 6749 §4.1.2.
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

    /// In milliseconds.
    private static let lifetime: Int64 = 60_000
    /// How long a used code is remembered.
    private static let memory: Int64 = 600_000

    private let codes = ExpiringTable<[UInt8], JID, Entry>(capacity: 10_000, share: 50)

    /// - Returns: nil if there are too many, of the account or in total.
    func make(_ request: AuthorizationRequest, _ account: OpenedAccount, now: Timestamp) -> String? {
        let code = SecureRandom.text(length: 43)
        let entry = Entry(request: request, account: account, end: now.adding(Self.lifetime))
        let digest = Authenticator.digest(ofToken: code)
        let isAdded = codes.add(entry, digest, of: account.record.jid, until: now.adding(Self.memory), now: now)
        return isAdded ? code : nil
    }

    /// Uses a code, which is valid for one attempt.
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

    /// Records the grant that a code was exchanged for. False: it was used again meanwhile, or is void.
    func exchanged(_ code: String, for grant: String, now: Timestamp) -> Bool {
        codes.update(Authenticator.digest(ofToken: code), now: now) { entry in
            entry.grant = grant
            return !entry.isShownAgain
        } ?? false
    }

    /// The app is signed out: earlier consents are void.
    func forget(app: String, of account: JID) {
        codes.removeAll { $0.request.app.id == app && $0.account.record.jid == account }
    }

    /// The account is removed.
    func forget(_ account: JID) { codes.removeAll { $0.account.record.jid == account } }
}
