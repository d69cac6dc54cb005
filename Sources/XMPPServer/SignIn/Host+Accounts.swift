import NIOCore
import XMPP
import XMPPStream

/// Registration, passwords and removal of accounts.
extension Host {
    /// Registers an account.
    ///
    /// - Parameter changes: committed with it.
    public func register(
        user: String, password: String, from address: SocketAddress?, with changes: [StorageChange] = []
    ) async -> Result<Void, StanzaError> {
        let address = IPAddress(address)
        guard let jid = JID(local: user, domain: domain, resource: nil), let local = jid.local, !password.isEmpty,
            // Names that look like others are left to administrators.
            NameScripts.areUsual(in: local)
        else { return .failure(.notAcceptable) }
        guard let place = registrations.take(from: address, at: uptime()) else {
            return .failure(StanzaError(.resourceConstraint))
        }
        let result = await add(jid, password, with: changes)
        switch result {
        // Trying taken names counts, as it reveals that they exist.
        case .success, .failure(.conflict): break
        case .failure: registrations.giveBack(place)
        }
        return result
    }

    private func add(
        _ jid: JID, _ password: String, with changes: [StorageChange]
    ) async -> Result<Void, StanzaError> {
        switch await keyMaker.credentials(of: password, for: jid, configuration.authentication) {
        case .failure(let error):
            return .failure(error)
        case .success(let credentials):
            do {
                let account = Account(jid: jid, createdAt: now())
                try await accounts.add(account, credentials: credentials, with: changes)
                return .success(())
            } catch {
                switch error.kind {
                case .alreadyExists: return .failure(.conflict)
                case .notYet:
                    return .failure(
                        StanzaError(.resourceConstraint, text: "The name was in use a moment ago. Try again."))
                default: return .failure(report(error))
                }
            }
        }
    }

    /// Sets a password, and ends what was opened with the former one.
    ///
    /// - Parameter sparing: the session that asks; it continues.
    public func setPassword(
        _ password: String, of account: JID, sparing session: ClientSession? = nil
    ) async -> Result<Void, StanzaError> {
        guard !password.isEmpty else { return .failure(.notAcceptable) }
        guard passwordChanges.take(account, at: uptime()) != nil else {
            return .failure(StanzaError(.resourceConstraint))
        }
        switch await keyMaker.credentials(of: password, for: account, configuration.authentication) {
        case .failure(let error):
            return .failure(error)
        case .success(let credentials):
            do {
                try await setCredentials(credentials, of: account, sparing: session)
            } catch {
                return .failure(report(error))
            }
        }
        return .success(())
    }

    /// Replaces an account's keys. Everything that was opened or granted with the former ones is void: tokens, grants,
    /// devices, push registrations, sessions.
    ///
    /// - Parameter sparing: the session that asks; it continues.
    func setCredentials(
        _ credentials: [SCRAMCredential], of account: JID, sparing session: ClientSession? = nil
    ) async throws(StorageError) {
        let record = try await beginChangingSecrets(of: account)
        do throws(StorageError) {
            try await storage.commit(changes(settingCredentials: credentials, of: account))
        } catch {
            record.endChangingSecrets(nil)
            throw error
        }
        record.endChangingSecrets(credentials)
        // By now all sessions are stored as revoked.
        session?.storeState()
        var event = CredentialsEvent(account: record, sparing: session, host: self)
        fire(Hooks.credentialsChanged, &event)
        for other in record.sessions where other !== session { other.end(.notAuthorized) }
    }

    /// Waits for another change of the account's credentials to end.
    private func beginChangingSecrets(of account: JID) async throws(StorageError) -> AccountRecord {
        while true {
            guard let record = try await accounts.load(account) else {
                throw StorageError(.notFound, "no such account")
            }
            if record.beginChangingSecrets() { return record }
            await storage.flush()
        }
    }

    /// Stores a further key of an account's password.
    func add(_ credential: SCRAMCredential, to account: OpenedAccount) async -> Result<Void, SASLFailure> {
        let commit = Commit()
        guard account.record.add(credential, secrets: account.secrets, then: commit.finish) else {
            return isCurrent(account) ? .success(()) : .failure(.notAuthorized)
        }
        do {
            try await commit.wait()
            return .success(())
        } catch {
            _ = report(error)
            return .failure(.temporaryAuthFailure)
        }
    }

    /// Removes an account with everything it owns and all its grants, and ends its sessions. A later account of the
    /// same name inherits nothing.
    ///
    /// - Parameter sparing: the session that asks; its caller ends it.
    public func remove(_ account: JID, sparing session: ClientSession? = nil) async -> Result<Void, StanzaError> {
        do {
            try await removeAccount(account, sparing: session)
            return .success(())
        } catch {
            return .failure(report(error))
        }
    }

    /// The same for administrators, with the error of the storage.
    func removeAccount(_ account: JID, sparing session: ClientSession? = nil) async throws(StorageError) {
        let record = try await beginChangingSecrets(of: account)
        let end = accounts.beginRemoval(of: record)
        do throws(StorageError) {
            try await storage.commit(changes(removing: account))
        } catch {
            end.come()
            record.endChangingSecrets(nil)
            throw error
        }
        // First, so that no session can be added any more.
        accounts.remove(account)
        for other in record.sessions where other !== session { other.end(.notAuthorized) }
        var event = AccountEvent(account: record.account, host: self)
        fire(Hooks.accountRemoved, &event)
    }
}

extension AuthenticationSettings {
    /// Whether people sign in with tokens only, and never type their address.
    var usesTokensAlone: Bool { mechanisms.allSatisfy(\.usesTokens) }

    /// The keys of a password, one for each hash; nil if it is empty or has forbidden characters.
    func makeCredentials(_ password: String) -> [SCRAMCredential]? {
        let credentials = SCRAMHash.allCases.compactMap {
            SCRAMCredential.random(password: password, hash: $0, iterations: scramIterations)
        }
        return credentials.count == SCRAMHash.allCases.count ? credentials : nil
    }
}
