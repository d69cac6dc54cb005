import XMPP
import XMPPStream

/// The devices of accounts, and their tokens (XEP-0484).
extension Host {
    /// The maximum number of devices of an account; beyond it those not seen for longest are forgotten.
    static let devicesPerAccount = 50

    func deviceID(of account: JID, installation: String) -> String { key.name("device", account, installation) }

    /// The text of a token, derived from the stored token with the server's key each time.
    func tokenText(_ nonce: [UInt8], mechanism: String, device: String, of account: JID) -> String {
        Base64.encode(key.code(of: "fast\0\(account)\0\(device)\0\(mechanism)\0\(Base64.encode(nonce))"))
    }

    /// Whether an installation that has signed in with its token is still allowed to; true for nil.
    func isGood(_ installation: VerifiedInstallation?, of record: AccountRecord) -> Bool {
        guard let installation, !installation.proof.invalidates else { return true }
        let device = record.device(deviceID(of: record.jid, installation: installation.proof.installation))
        return device?.tokens.contains { $0.nonce == installation.token } ?? false
    }

    /// A token as given to its client.
    struct IssuedToken: Sendable {
        let text: String
        let expiresAt: Timestamp
    }

    /// Records the sign-in of a device, and gives it a token if it asks for one, or its token is due for rotation.
    ///
    /// - Returns: the token, once it is durable, so that it is sure to work.
    func noteSignIn(
        _ request: AuthenticationRequest, _ account: OpenedAccount, on stream: ClientStream
    ) -> Eventual<IssuedToken?> {
        guard let agent = request.userAgent, let installation = agent.id, deviceMemory > 0 else { return .now(nil) }
        let record = account.record
        let id = deviceID(of: record.jid, installation: installation)
        let now = now()
        let mechanism = tokenMechanism(for: request, stream, record.device(id), now)
        let used = stream.installation
        let method: Device.Method = used != nil ? .fast : stream.token != nil ? .grant : .password
        let token = mechanism.map { makeToken($0, now) }
        let change: (Device?, [Device]) -> (device: Device?, isStored: Bool, alsoForgotten: [String]) = { former, all in
            var device =
                former ?? Device(id: id, methods: [], firstSeen: now, lastSeen: Timestamp(milliseconds: 0))
            device.software = agent.software ?? device.software
            device.name = agent.device ?? device.name
            device.methods.insert(method)
            if let used { device.note(used) }
            if let token { device.next = token }
            // A changed time alone is worth a commit once a minute.
            if now.milliseconds - device.lastSeen.milliseconds >= 60_000 { device.lastSeen = now }
            return (device, device != former, self.forgotten(all, sparing: id, now))
        }
        guard let token else {
            record.updateDevice(id, secrets: account.secrets, .soon, change)
            return .now(nil)
        }
        let issued = IssuedToken(
            text: tokenText(token.nonce, mechanism: token.mechanism, device: id, of: record.jid),
            expiresAt: token.expiresAt)
        let (stored, storing) = AsyncStream.makeStream(of: Bool.self)
        let isStored = record.updateDevice(
            id, secrets: account.secrets,
            then: { result in
                if case .failure(let error) = result { _ = self.report(error) }
                storing.yield((try? result.get()) != nil)
            }, change)
        guard isStored else { return .now(nil) }
        return .later {
            for await isDurable in stored { return isDurable ? issued : nil }
            return nil
        }
    }

    /// The mechanism of the next token; nil: none is given.
    private func tokenMechanism(
        for request: AuthenticationRequest, _ stream: ClientStream, _ device: Device?, _ now: Timestamp
    ) -> String? {
        // A device token must not outlive the access token that it was given for.
        guard configuration.authentication.offersFAST, stream.rights.contains(.manageAccess) else {
            return nil
        }
        if let wanted = request.element.child("request-token", .fast) {
            return wanted["mechanism"].flatMap(FASTMechanism.init)?.rawValue
        }
        guard let used = stream.installation, !used.proof.invalidates,
            let token = device?.tokens.first(where: { $0.nonce == used.token }),
            now.milliseconds - token.createdAt.milliseconds >= configuration.authentication.tokenRotation.inMilliseconds
        else { return nil }
        return token.mechanism
    }

    private func makeToken(_ mechanism: String, _ now: Timestamp) -> Device.Token {
        let time = min(configuration.authentication.tokenLifetime.inMilliseconds, deviceMemory)
        // The client is told whole seconds, so the token must not end earlier than the second that it is told.
        let expiry = (now.milliseconds + time + 999) / 1000 * 1000
        return Device.Token(
            nonce: SecureRandom.bytes(16), mechanism: mechanism, createdAt: now,
            expiresAt: Timestamp(milliseconds: expiry), count: 0)
    }

    private var deviceMemory: Int64 { configuration.authentication.deviceMemory.inMilliseconds }

    /// Devices not seen for too long, or beyond the maximum number.
    private func forgotten(_ devices: [Device], sparing id: String, _ now: Timestamp) -> [String] {
        let others = devices.filter { $0.id != id }.sorted { $0.lastSeen > $1.lastSeen }
        let oldest = now.milliseconds - deviceMemory
        return others.enumerated().filter { index, device in
            index >= Self.devicesPerAccount - 1 || device.lastSeen.milliseconds < oldest
        }.map(\.element.id)
    }

    /// Forgets a device: its tokens are void, and its sessions end.
    public func revoke(_ device: Device, of account: JID) async throws(StorageError) {
        guard let record = try await accounts.load(account) else { return }
        let result: Result<Void, StorageError> = await withCheckedContinuation { continuation in
            record.updateDevice(device.id, then: { continuation.resume(returning: $0) }) { _, _ in (nil, true, []) }
        }
        try result.get()
        for session in record.sessions where self.device(of: session) == device.id { session.end(.notAuthorized) }
    }

    /// The id of a session's device; nil: it is unidentified.
    public func device(of session: ClientSession) -> String? {
        session.userAgent?.id.map { deviceID(of: session.record.jid, installation: $0) }
    }
}

extension Device {
    fileprivate init(id: String, methods: Set<Method>, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.id = id
        self.methods = methods
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }

    /// XEP-0484 §3.5 and §4.1: a new token that is used replaces the one before it; the client may also invalidate it.
    fileprivate mutating func note(_ used: VerifiedInstallation) {
        if next?.nonce == used.token {
            current = next
            next = nil
        }
        guard current?.nonce == used.token else { return }
        if used.proof.invalidates { current = nil }
    }
}

extension Duration {
    var inMilliseconds: Int64 { Int64(self / .milliseconds(1)) }
}
