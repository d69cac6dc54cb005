import NIOCore
import XMPP
import XMPPStream

/// Accounts as their owners make, change and remove them.
extension Host {
    /// Makes an account for somebody who is not known yet.
    ///
    /// - Parameter changes: what is stored together with it.
    public func register(
        user: String, password: String, from address: SocketAddress?, with changes: [StorageChange] = []
    ) async -> Result<Void, StanzaError> {
        let address = IPAddress(address)
        guard let jid = JID(local: user, domain: domain, resource: nil), jid.hasLocal, !password.isEmpty else {
            return .failure(.notAcceptable)
        }
        guard registrations.mayRegister(from: address, now: now()) else {
            return .failure(StanzaError(.resourceConstraint))
        }
        guard let credentials = makeCredentials(password) else { return .failure(.notAcceptable) }
        do {
            let account = Account(jid: jid, createdAt: now())
            try await storage.commit([.addAccount(account, credentials: credentials)] + changes)
        } catch {
            return .failure(error.kind == .alreadyExists ? .conflict : report(error))
        }
        accountAdded(jid)
        registrations.registered(from: address, now: now())
        return .success(())
    }

    /// Sets a password and ends what was opened with the former one.
    ///
    /// - Parameter sparing: the session that asks for it goes on.
    public func setPassword(
        _ password: String, of account: JID, sparing session: ClientSession? = nil
    ) async -> Result<Void, StanzaError> {
        guard !password.isEmpty, let credentials = makeCredentials(password) else { return .failure(.notAcceptable) }
        do {
            try await setCredentials(credentials, of: account)
        } catch {
            return .failure(report(error))
        }
        endSessions(of: account, sparing: session)
        return .success(())
    }

    /// Puts other keys in the place of an account's, and makes all that was given out for the former ones void.
    func setCredentials(_ credentials: [SCRAMCredential], of account: JID) async throws(StorageError) {
        try await storage.commit(Self.changes(settingCredentials: credentials, of: account, in: storage))
        accounts.replaceSecrets(of: account, credentials)
    }

    /// What has to be stored for it.
    static func changes(
        settingCredentials credentials: [SCRAMCredential], of account: JID, in storage: any Storage
    ) async throws(StorageError) -> [StorageChange] {
        let store = Device.store(in: storage)
        let devices = try await store.all(account)
        return [.setCredentials(account, credentials), .removeTokens(account)]
            + devices.keys.map { store.removing(account, key: $0) }
    }

    /// Keeps a further key of an account's password.
    func add(_ credential: SCRAMCredential, to record: AccountRecord) async -> Result<Void, SASLFailure> {
        let credentials = record.credentials
        guard !credentials.contains(where: { $0.hash == credential.hash }) else { return .success(()) }
        do {
            try await storage.commit([.setCredentials(record.jid, credentials + [credential])])
        } catch {
            _ = report(error)
            return .failure(.temporaryAuthFailure)
        }
        record.add(credential)
        return .success(())
    }

    /// Removes an account with all that it owns.
    ///
    /// - Parameter sparing: the session that asks for it is left to the caller to end.
    public func remove(_ account: JID, sparing session: ClientSession? = nil) async -> Result<Void, StanzaError> {
        do {
            try await storage.commit([.removeAccount(account)])
        } catch {
            return .failure(report(error))
        }
        forget(account, sparing: session)
        return .success(())
    }

    /// Lets go of an account that has been removed, and ends its sessions.
    func forget(_ account: JID, sparing spared: ClientSession? = nil) {
        let record = accounts.resident(account)
        // First, so that no session can be added any more.
        accounts.remove(account)
        for session in record?.sessions ?? [] where session !== spared { session.end(.notAuthorized) }
    }

    /// Ends the sessions of an account whose right to be here has gone.
    public func endSessions(of account: JID, sparing spared: ClientSession? = nil) {
        for session in accounts.resident(account)?.sessions ?? [] where session !== spared {
            session.end(.notAuthorized)
        }
    }

    /// The keys of a password; `nil` if it has characters that no password may have.
    public func makeCredentials(_ password: String) -> [SCRAMCredential]? {
        configuration.authentication.makeCredentials(password)
    }
}

extension AuthenticationSettings {
    /// The keys of a password, one for each hash; `nil` if it is empty or has characters that no password may have.
    func makeCredentials(_ password: String) -> [SCRAMCredential]? {
        let credentials = SCRAMHash.allCases.compactMap {
            SCRAMCredential.random(password: password, hash: $0, iterations: scramIterations)
        }
        return credentials.count == SCRAMHash.allCases.count ? credentials : nil
    }
}

/// How many accounts an address may make.
final class RegistrationLimit: Sendable {
    private let limits: ServerLimits
    private let byAddress: AttemptLimit<CIDRBlock>

    init(_ limits: ServerLimits) {
        self.limits = limits
        byAddress = AttemptLimit(limit: limits.registrations.perAddress, within: limits.registrations.time)
    }

    func mayRegister(from address: IPAddress?, now: Timestamp) -> Bool {
        guard let address, !limits.trusts(address) else { return true }
        return byAddress.allows(address.client, now: now)
    }

    func registered(from address: IPAddress?, now: Timestamp) {
        guard let address, !limits.trusts(address) else { return }
        byAddress.count(address.client, now: now)
    }
}
