import Crypto
import Logging
import NIOCore
import NIOPosix
import XMPP
import XMPPStream

/// Verifies passwords and tokens. Answers and the work for them are the same whether an account exists or not.
public final class Authenticator: Sendable {
    private let storage: any Storage
    private let limits: SignInLimits
    private let decoys: Decoys
    private let threads: NIOThreadPool
    private let logger: Logger
    private let log: SignInLog
    private let now: @Sendable () -> Timestamp

    /// - Parameter secret: derives the salts of accounts that do not exist; never changes for a store.
    init(
        storage: any Storage,
        limits: ServerLimits,
        secret: [UInt8],
        threads: NIOThreadPool,
        logger: Logger,
        log: SignInLog,
        now: @escaping @Sendable () -> Timestamp,
        uptime: @escaping @Sendable () -> Duration
    ) {
        self.storage = storage
        self.limits = SignInLimits(limits, uptime: uptime)
        decoys = Decoys(secret: secret)
        self.threads = threads
        self.logger = logger
        self.now = now
        self.log = log
    }

    /// Changes the limits.
    func use(_ limits: ServerLimits) { self.limits.use(limits) }

    // MARK: Passwords

    /// The keys of an account, or a decoy.
    ///
    /// - Parameter allowsOthers: whether a key of another hash may be returned.
    func credential(
        user: String, hash: SCRAMHash, allowsOthers: Bool = false, host: Host, from address: IPAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>> {
        guard let jid = JID(local: user, domain: host.domain, resource: nil) else {
            return .now(.success(FoundCredential(decoys.credential(user, hash, host), of: nil)))
        }
        guard limits.isOpen(jid, from: address) else { return .now(.failure(.temporaryAuthFailure)) }
        return find(jid, host) { [decoys, now] record in
            guard let record else {
                let decoy = decoys.known(jid, hash, now: now()) ?? decoys.credential(jid.string, hash, host)
                return FoundCredential(decoy, of: nil)
            }
            // Before the keys are read: they may be replaced in between.
            let account = host.streamAccount(record)
            guard let credential = record.credential(hash) ?? (allowsOthers ? record.credentials.first : nil) else {
                return FoundCredential(decoys.credential(jid.string, hash, host), of: nil)
            }
            return FoundCredential(credential, of: account)
        }
    }

    /// Finds an account: at once if it is in memory, or known not to exist. A disabled account counts as none.
    private func find<Value: Sendable>(
        _ jid: JID, _ host: Host, _ then: @escaping @Sendable (AccountRecord?) -> Value
    ) -> Eventual<Result<Value, SASLFailure>> {
        let usable = { @Sendable (record: AccountRecord) in record.account.isEnabled ? record : nil }
        if let record = host.accounts.cached(jid) { return .now(.success(then(usable(record)))) }
        if decoys.known(jid, .sha256, now: now()) != nil { return .now(.success(then(nil))) }
        return .later { [self] in
            do throws(StorageError) {
                let record = try await host.accounts.load(jid)
                if record == nil { decoys.note(jid, host, now: now()) }
                return .success(then(record.flatMap(usable)))
            } catch {
                _ = host.report(error)
                return .failure(.temporaryAuthFailure)
            }
        }
    }

    func verify(
        user: String, password: String, host: Host, from address: IPAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>> {
        .later { [self] in
            let keys: FoundCredential
            switch await credential(
                user: user, hash: .sha256, allowsOthers: true, host: host, from: address
            ).value {
            case .success(let found): keys = found
            case .failure(let failure): return .failure(failure)
            }
            let jid = JID(local: user, domain: host.domain, resource: nil)
            return await test(password, keys.credential, of: jid, from: address).flatMap { _ in
                guard let account = keys.account, let local = jid?.local else { return .failure(.notAuthorized) }
                return .success(VerifiedPassword(user: local, account: account))
            }
        }
    }

    /// Deriving a key takes milliseconds of computing, so it runs on a thread of its own. The attempt is counted there
    /// as well, so that waiting ones take no place.
    private func test(
        _ password: String, _ credential: SCRAMCredential, of account: JID?, from address: IPAddress?
    ) async -> Result<Void, SASLFailure> {
        do {
            return try await threads.runIfActive { [limits] in
                limits.attempt(account, from: address) {
                    credential.verifies(password: password) ? .success(()) : .failure(.notAuthorized)
                }
            }
        } catch {
            // The server stops.
            return .failure(.temporaryAuthFailure)
        }
    }

    /// Tests a client's proof of its password, unless there were too many attempts.
    ///
    /// - Parameter test: returns why the proof is wrong; nil: it is right.
    /// - Returns: whether it was tested.
    func test(user: String, host: Host, from address: IPAddress?, _ test: () -> SASLFailure?) -> Bool {
        var isTested = false
        let jid = JID(local: user, domain: host.domain, resource: nil)
        _ = limits.attempt(jid, from: address) { () -> Result<Void, SASLFailure> in
            isTested = true
            return test().map { .failure($0) } ?? .success(())
        }
        return isTested
    }

    /// Forgets that the name of a new account did not exist.
    func accountAdded(_ jid: JID) { decoys.forget(jid) }

    // MARK: Tokens of devices

    /// Verifies the token of an installation. Two tokens are compared, whether they exist or not. Attempts are not
    /// counted: 256 bits cannot be guessed, and nobody may lock a device out.
    func verify(
        _ proof: TokenProof, host: Host, from address: IPAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>> {
        guard let jid = JID(local: proof.user, domain: host.domain, resource: nil) else {
            return .now(.failure(.notAuthorized))
        }
        let answer = find(jid, host) { [self] record in check(proof, of: jid, record, host) }
        switch answer {
        case .now(let result): return .now(result.flatMap { $0 })
        case .later(let body): return .later { await body().flatMap { $0 } }
        }
    }

    private func check(
        _ proof: TokenProof, of jid: JID, _ record: AccountRecord?, _ host: Host
    ) -> Result<VerifiedInstallation, SASLFailure> {
        let account = record.map(host.streamAccount)
        let id = host.deviceID(of: jid, installation: proof.installation)
        let device = record?.device(id)
        var found: (token: Device.Token, text: String)?
        for token in [device?.next, device?.current] {
            let nonce = token?.nonce ?? Self.noNonce
            let text = host.tokenText(nonce, mechanism: proof.mechanism.rawValue, device: id, of: jid)
            if proof.isOf(token: text), let token, token.mechanism == proof.mechanism.rawValue { found = (token, text) }
        }
        guard let account, let (token, text) = found else { return .failure(.notAuthorized) }
        guard token.expiresAt > now() else { return .failure(.credentialsExpired) }
        guard account.use(token, of: id, count: proof.count) else {
            return .failure(.notAuthorized)
        }
        return .success(
            VerifiedInstallation(
                user: jid.local ?? "", account: account, token: token.nonce, proof: proof,
                response: proof.response(token: text)))
    }

    private static let noNonce = [UInt8](repeating: 0, count: 16)

    /// Verifies a name and a password from a web page. The name is an account id, an address, or the local part of one.
    ///
    /// - Returns: the account, with the key that verified the password.
    public func signIn(
        name: String, password: String, host: Host, from address: IPAddress?
    ) async -> Result<(account: JID, key: [UInt8]), SASLFailure> {
        let name = name.filter { !$0.isWhitespace }
        let typed = name.contains("@") ? JID(name)?.bare : JID(local: name, domain: host.domain, resource: nil)
        guard limits.isOpen(typed, from: address) else {
            log.refused(.temporaryAuthFailure, domain: host.domain, from: address)
            return .failure(.temporaryAuthFailure)
        }
        let decoy = decoys.credential(typed?.string ?? name, .sha256, host)
        var account = typed?.domain == host.domain && typed?.hasLocal == true ? typed : nil
        let credential: SCRAMCredential
        do {
            // The same reads and one key derivation for every name.
            let named = try await storage.account(host: host.domain, accountID: name)?.jid
            account = named ?? account
            let stored = try await storage.credentials(account ?? host.jid)
            let isEnabled = try await storage.account(account ?? host.jid)?.isEnabled ?? false
            credential = isEnabled ? stored.first { $0.hash == .sha256 } ?? decoy : decoy
        } catch {
            _ = host.report(error)
            return .failure(.temporaryAuthFailure)
        }
        var failure = SASLFailure.notAuthorized
        switch await test(password, credential, of: typed, from: address) {
        case .success:
            guard let account else { break }
            log.succeeded(account, mechanism: "page", from: address)
            return .success((account, credential.storedKey))
        case .failure(let reason):
            failure = reason
        }
        log.refused(failure, domain: host.domain, from: address)
        return .failure(failure)
    }

    // MARK: Tokens

    /// The digest that a token is stored under.
    public static func digest(ofToken token: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(token.utf8)))
    }

    func verify(
        token: String, host: Host, from address: IPAddress?
    ) -> Eventual<Result<VerifiedToken, SASLFailure>> {
        let scopes = host.configuration.authentication.tokenScopes
        return .later { [self] in await verify(token, scopes, host, from: address) }
    }

    private func verify(
        _ token: String, _ scopes: [String], _ host: Host, from address: IPAddress?
    ) async -> Result<VerifiedToken, SASLFailure> {
        guard limits.isOpen(nil, from: address) else { return .failure(.temporaryAuthFailure) }
        let found = await find(token: token, scopes, host: host)
        // A wrong guess counts only if its result is told, so a look-up that waits takes no place.
        return limits.attempt(nil, from: address) { found }
    }

    /// Verifies an access token outside of a stream, whatever its scopes.
    public func verify(
        accessToken: String, host: Host, from address: IPAddress?
    ) async -> Result<(record: AccountRecord, rights: SessionRights), SASLFailure> {
        switch await verify(accessToken, [], host, from: address) {
        case .failure(let failure):
            return .failure(failure)
        case .success(let token):
            guard let jid = JID(local: token.user, domain: host.domain, resource: nil) else {
                return .failure(.notAuthorized)
            }
            switch await host.find(jid) {
            case .success(let record?) where record.account.isEnabled:
                return .success((record, SessionRights(of: token)))
            case .success: return .failure(.notAuthorized)
            case .failure: return .failure(.temporaryAuthFailure)
            }
        }
    }

    private func find(token: String, _ scopes: [String], host: Host) async -> Result<VerifiedToken, SASLFailure> {
        let digest = Self.digest(ofToken: token)
        let found: Token?
        do {
            found = try await storage.token(digest: digest)
        } catch {
            _ = host.report(error)
            return .failure(.temporaryAuthFailure)
        }
        guard let found else { return await verifyElsewhere(token, digest, host) }
        guard found.account.domain == host.domain, let local = found.account.local,
            found.expiresAt.map({ $0 > now() }) ?? true,
            found.scopes.isSuperset(of: scopes)
        else { return .failure(.notAuthorized) }
        noteUse(of: found)
        return .success(VerifiedToken(user: local, digest: digest, grant: found.grant, scopes: found.scopes))
    }

    /// Asks the verifiers of tokens that other servers made.
    private func verifyElsewhere(
        _ token: String, _ digest: [UInt8], _ host: Host
    ) async -> Result<VerifiedToken, SASLFailure> {
        for verify in host.loaded.tokenVerifiers {
            switch await verify(token) {
            case .account(let account):
                guard account.domain == host.domain, let local = account.local else { continue }
                // Whatever its scopes are there, the session is a program's.
                let scopes: Set = [AccessScope.client.rawValue]
                return .success(VerifiedToken(user: local, digest: digest, grant: nil, scopes: scopes))
            case .unavailable:
                return .failure(.temporaryAuthFailure)
            case .refused:
                continue
            }
        }
        return .failure(.notAuthorized)
    }

    /// Recorded without waiting, at most once a minute.
    private func noteUse(of token: Token) {
        let now = now()
        guard token.lastUsedAt.map({ now.milliseconds - $0.milliseconds >= Self.useGranularity }) ?? true else {
            return
        }
        storage.submit([.noteUse(ofToken: token.digest, at: now)]) { [logger] result in
            if case .failure(let error) = result { logger.error("storage failed", metadata: ["error": "\(error)"]) }
        }
    }

    /// In milliseconds.
    private static let useGranularity: Int64 = 60_000
}
