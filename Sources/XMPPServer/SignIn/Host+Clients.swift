import XMPP
import XMPPStream

/// Something with access to an account: a device, a session of an unidentified client, an app with a grant, or an
/// access token.
public struct AccountClient: Sendable {
    /// What the client is identified and revoked by.
    enum Kind: Sendable {
        case device(Device)
        case session(ClientSession)
        case grant(Grant)
        case token(Token)
    }

    let kind: Kind
    /// The id by which its owner revokes it.
    public let id: String
    public let isConnected: Bool
    public let firstSeen: Timestamp
    public let lastSeen: Timestamp
    public let methods: Set<Device.Method>
    public let software: String?
    /// The name that its owner gave the device.
    public let device: String?

    /// Whether the client has or had sessions.
    public var isSession: Bool {
        switch kind {
        case .device, .session: true
        case .grant, .token: isConnected
        }
    }

    /// Whether it is a device that has identified itself.
    public var isDevice: Bool {
        if case .device = kind { true } else { false }
    }

    /// The granted scopes; nil: none were needed.
    public var scopes: Set<String>? {
        switch kind {
        case .grant(let grant): grant.scopes
        case .token(let token): token.scopes
        case .device, .session: nil
        }
    }

    /// Whether it has all rights of the account's owner.
    public var isUnrestricted: Bool { methods != [.grant] }

    /// Whether the client may know the password, so that only a new password revokes its access.
    public var knowsPassword: Bool { methods.contains(.password) }
}

extension Host {
    /// Everything with access to an account: devices, then unidentified sessions, then apps and access tokens.
    public func clients(of record: AccountRecord) async throws(StorageError) -> [AccountClient] {
        let sessions = record.sessions
        let now = now()
        let devices = record.devices.filter { $0.methods != [.grant] }.sorted { $0.firstSeen < $1.firstSeen }
        var clients = devices.map { device in
            client(device, now, isConnected: sessions.contains { self.device(of: $0) == device.id })
        }
        for session in sessions where session.token == nil && self.device(of: session) == nil {
            clients.append(client(session))
        }
        for grant in try await storage.grants(of: record.jid) where grant.expiresAt > now {
            let app = try await App.store(in: storage).get(jid, key: grant.app)?.name ?? grant.app
            let isConnected = sessions.contains { $0.token?.grant == grant.id }
            clients.append(
                AccountClient(
                    kind: .grant(grant), id: "grant:\(grant.id)", isConnected: isConnected,
                    firstSeen: grant.createdAt, lastSeen: grant.lastUsedAt, methods: [.grant], software: app,
                    device: nil))
        }
        for token in try await storage.tokens(of: record.jid)
        where token.grant == nil && token.expiresAt.map({ $0 > now }) ?? true {
            let isConnected = sessions.contains { $0.token?.digest == token.digest }
            clients.append(
                AccountClient(
                    kind: .token(token), id: "token:\(hexadecimal(token.digest.prefix(6)))", isConnected: isConnected,
                    firstSeen: token.createdAt, lastSeen: token.lastUsedAt ?? token.createdAt, methods: [.grant],
                    software: token.label, device: nil))
        }
        return clients
    }

    private func client(_ device: Device, _ now: Timestamp, isConnected: Bool) -> AccountClient {
        var methods = device.methods
        if device.tokens.contains(where: { $0.expiresAt > now }) {
            methods.insert(.fast)
        } else {
            methods.remove(.fast)
        }
        return AccountClient(
            kind: .device(device), id: "device:\(device.id)", isConnected: isConnected, firstSeen: device.firstSeen,
            lastSeen: device.lastSeen, methods: methods, software: device.software, device: device.name)
    }

    private func client(_ session: ClientSession) -> AccountClient {
        let id = key.name("session", session.record.jid, session.jid.resource ?? "")
        return AccountClient(
            kind: .session(session), id: "session:\(id)", isConnected: true, firstSeen: session.boundAt,
            lastSeen: session.boundAt, methods: [.password], software: nil, device: nil)
    }

    /// Revokes a client's access. A client that knows the password can sign in again.
    public func revoke(_ client: AccountClient, of record: AccountRecord) async throws(StorageError) {
        switch client.kind {
        case .device(let device): try await revoke(device, of: record.jid)
        case .session(let session): session.end(.notAuthorized)
        case .grant(let grant): try await revoke(grant)
        case .token(let token): try await revoke(token)
        }
    }
}
