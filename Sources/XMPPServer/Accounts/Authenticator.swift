import Crypto
import Logging
import NIOCore
import NIOPosix
import XMPP
import XMPPStream

/// Says whose a password or a token is. Every answer is the same, and takes the same work, whether an account exists or
/// not.
public final class Authenticator: Sendable {
    private let storage: any Storage
    private let limits: ServerLimits
    private let byAddress: AttemptLimit<CIDRBlock>
    private let byAccount: AttemptLimit<JID>
    private let secret: [UInt8]
    private let threads: NIOThreadPool
    private let logger: Logger
    private let failures: SignInLog
    private let now: @Sendable () -> Timestamp

    /// - Parameter secret: makes the salts of accounts that do not exist; the same for the life of the storage.
    init(
        storage: any Storage,
        limits: ServerLimits,
        secret: [UInt8],
        threads: NIOThreadPool,
        logger: Logger,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.storage = storage
        self.limits = limits
        self.secret = secret
        self.threads = threads
        self.logger = logger
        self.now = now
        failures = SignInLog(logger, now: now)
        byAddress = AttemptLimit(limit: limits.signIns.perAddress, within: limits.signIns.time)
        byAccount = AttemptLimit(limit: limits.signIns.perAccount, within: limits.signIns.time)
    }

    // MARK: Passwords

    /// The stored keys of an account, or a decoy.
    func credential(
        user: String, hash: SCRAMHash, host: Host, from address: IPAddress?
    ) async -> Result<SCRAMCredential, SASLFailure> {
        let jid = JID(local: user, domain: host.domain, resource: nil)
        guard mayTry(jid, from: address) else { return .failure(.temporaryAuthFailure) }
        let decoy = SCRAMCredential.decoy(
            user: jid?.string ?? user, hash: hash, secret: secret,
            iterations: host.configuration.authentication.scramIterations)
        guard let jid else { return .success(decoy) }
        do {
            return .success(try await storage.credentials(jid).first { $0.hash == hash } ?? decoy)
        } catch {
            logger.error("storage failed", metadata: ["error": "\(error)"])
            return .failure(.temporaryAuthFailure)
        }
    }

    func verify(
        user: String, password: String, host: Host, from address: IPAddress?
    ) async -> Result<String, SASLFailure> {
        let found = await credential(user: user, hash: .sha256, host: host, from: address)
        guard case .success(let credential) = found else { return found.map { _ in "" } }
        // Deriving a key takes milliseconds of computing: not on a thread that others wait for.
        let isRight = try? await threads.runIfActive { credential.verifies(password: password) }
        guard isRight == true, let local = JID(local: user, domain: host.domain, resource: nil)?.local else {
            return .failure(.notAuthorized)
        }
        return .success(local)
    }

    /// Says whose a name and a password are, which somebody has typed on a page: an account id, an address, or the first
    /// part of one.
    ///
    /// - Returns: the account, with the key by which its password is known.
    public func signIn(
        name: String, password: String, host: Host, from address: IPAddress?
    ) async -> Result<(account: JID, key: [UInt8]), SASLFailure> {
        let name = name.filter { !$0.isWhitespace }
        let typed = name.contains("@") ? JID(name)?.bare : JID(local: name, domain: host.domain, resource: nil)
        guard mayTry(typed, from: address) else {
            failures.note(.temporaryAuthFailure, domain: host.domain, from: address)
            return .failure(.temporaryAuthFailure)
        }
        let decoy = SCRAMCredential.decoy(
            user: typed?.string ?? name, hash: .sha256, secret: secret,
            iterations: host.configuration.authentication.scramIterations)
        var account = typed?.domain == host.domain && typed?.hasLocal == true ? typed : nil
        let credential: SCRAMCredential
        do {
            // The same reads whoever it is, and one derived key.
            let named = try await storage.account(host: host.domain, accountID: name)?.jid
            account = named ?? account
            let stored = try await storage.credentials(account ?? host.jid)
            credential = stored.first { $0.hash == .sha256 } ?? decoy
        } catch {
            logger.error("storage failed", metadata: ["error": "\(error)"])
            return .failure(.temporaryAuthFailure)
        }
        let isRight = try? await threads.runIfActive { credential.verifies(password: password) }
        guard isRight == true, let account else {
            failures.note(.notAuthorized, domain: host.domain, from: address)
            countFailure(of: typed, from: address)
            return .failure(.notAuthorized)
        }
        return .success((account, credential.storedKey))
    }

    // MARK: Tokens

    /// The digest under which a token is stored.
    public static func digest(ofToken token: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(token.utf8)))
    }

    func verify(token: String, host: Host, from address: IPAddress?) async -> Result<VerifiedToken, SASLFailure> {
        guard mayTry(nil, from: address) else { return .failure(.temporaryAuthFailure) }
        let digest = Self.digest(ofToken: token)
        let found: Token?
        do {
            found = try await storage.token(digest: digest)
        } catch {
            logger.error("storage failed", metadata: ["error": "\(error)"])
            return .failure(.temporaryAuthFailure)
        }
        guard let found else { return await verifyElsewhere(token, digest, host) }
        guard found.account.domain == host.domain, let local = found.account.local,
            found.expiresAt.map({ $0 > now() }) ?? true,
            found.scopes.isSuperset(of: host.configuration.authentication.tokenScopes)
        else { return .failure(.notAuthorized) }
        noteUse(of: found)
        return .success(VerifiedToken(user: local, digest: digest, grant: found.grant))
    }

    /// Asks those who know tokens that the server has not made.
    private func verifyElsewhere(
        _ token: String, _ digest: [UInt8], _ host: Host
    ) async -> Result<VerifiedToken, SASLFailure> {
        for verify in host.tokenVerifiers {
            switch await verify(token) {
            case .account(let account):
                guard account.domain == host.domain, let local = account.local else { continue }
                return .success(VerifiedToken(user: local, digest: digest, grant: nil))
            case .unavailable:
                return .failure(.temporaryAuthFailure)
            case .refused:
                continue
            }
        }
        return .failure(.notAuthorized)
    }

    /// Nobody waits for it, and what was noted lately is not noted again.
    private func noteUse(of token: Token) {
        let now = now()
        guard token.lastUsedAt.map({ now.milliseconds - $0.milliseconds >= Self.useGranularity }) ?? true else {
            return
        }
        storage.submit([.noteUse(ofToken: token.digest, at: now)]) { [logger] result in
            if case .failure(let error) = result { logger.error("storage failed", metadata: ["error": "\(error)"]) }
        }
    }

    /// Milliseconds.
    private static let useGranularity: Int64 = 60_000

    // MARK: Limits

    private func mayTry(_ jid: JID?, from address: IPAddress?) -> Bool {
        if let address {
            if limits.trusts(address) { return true }
            if !byAddress.allows(address.client, now: now()) { return false }
        }
        return jid.map { byAccount.allows($0, now: now()) } ?? true
    }

    func ended(user: String?, domain: String, from address: IPAddress?, failure: SASLFailure?) {
        failures.note(failure, domain: domain, from: address)
        guard failure == .notAuthorized else { return }
        countFailure(of: user.flatMap { JID(local: $0, domain: domain, resource: nil) }, from: address)
    }

    private func countFailure(of account: JID?, from address: IPAddress?) {
        if let address {
            guard !limits.trusts(address) else { return }
            byAddress.count(address.client, now: now())
        }
        if let account { byAccount.count(account, now: now()) }
    }
}
