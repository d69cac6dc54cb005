import XMPP
import XMPPStream

extension Host {
    /// Binds a resource within the sign-in, XEP-0386 §3.2. It consists of the client's tag, if valid, and a random
    /// part. A client that identifies its installation gets the same resource each time, which ends its earlier
    /// sessions.
    func bind(
        _ account: OpenedAccount, tag: String?, on stream: ClientStream
    ) -> Result<ClientSession, StanzaError> {
        let record = account.record
        let id = stream.userAgent?.id
        let made = id.map { key.name("resource", record.jid, $0) } ?? Self.makeResource()
        let tagged = tag.flatMap { $0.isEmpty ? nil : record.jid.with(resource: "\($0)/\(made)") }
        guard let jid = tagged.flatMap({ fits($0) ? $0 : nil }) ?? record.jid.with(resource: made) else {
            return .failure(.internalServerError)
        }
        if let id {
            for other in record.sessions where other.userAgent?.id == id { replace(other) }
        }
        return bind(account, jid, .replaceOld, on: stream)
    }

    /// Whether the account still exists, and its credentials are still valid.
    private func mayStay(_ account: OpenedAccount, _ stream: ClientStream) -> Bool {
        isServed && isCurrent(account) && !revocations.contains(stream.token)
            && isGood(stream.installation, of: account.record)
    }

    private func fits(_ jid: JID) -> Bool { (jid.resource?.utf8.count ?? 0) <= configuration.limits.resourceLength }

    /// RFC 6120 §7.7.2.2: removed from the table now, so that the new session can take its place.
    private func replace(_ other: ClientSession) {
        other.record.remove(other)
        other.end(.conflict)
    }

    /// Binds a resource, RFC 6120 §7. On the stream's loop.
    func bind(
        _ account: OpenedAccount, resource: String?, on stream: ClientStream
    ) -> Result<ClientSession, StanzaError> {
        if let resource, resource.utf8.count > configuration.limits.resourceLength { return .failure(.badRequest) }
        guard let jid = account.record.jid.with(resource: resource ?? Self.makeResource()) else {
            return .failure(.badRequest)
        }
        return bind(account, jid, configuration.streams.resourceConflict, on: stream)
    }

    private func bind(
        _ account: OpenedAccount, _ wanted: JID, _ conflict: StreamSettings.ResourceConflict, on stream: ClientStream
    ) -> Result<ClientSession, StanzaError> {
        let record = account.record
        var jid = wanted
        while true {
            let session = ClientSession(
                jid: jid, record: record, host: self, stream: stream, boundAt: now())
            switch record.add(session, atMost: configuration.limits.sessionsPerAccount) {
            case .added where !mayStay(account, stream):
                record.remove(session)
                return .failure(StanzaError(.notAuthorized))
            case .added:
                var event = SessionEvent(session: session, host: self, end: nil)
                fire(Hooks.sessionBound, &event)
                return .success(session)
            case .tooMany:
                guard let lost = oldestHibernating(record) else { return .failure(StanzaError(.resourceConstraint)) }
                replace(lost)
            case .conflict(let other):
                switch conflict {
                case .keepOld where other.hibernatesSince != nil, .replaceOld:
                    replace(other)
                case .keepOld:
                    guard let another = record.jid.with(resource: Self.makeResource()) else {
                        return .failure(.internalServerError)
                    }
                    jid = another
                }
            }
        }
    }

    /// The session that has been disconnected for longest.
    private func oldestHibernating(_ record: AccountRecord) -> ClientSession? {
        let lost = record.sessions.compactMap { session in session.hibernatesSince.map { (session, $0) } }
        return lost.min { $0.1 < $1.1 }?.0
    }

    /// A resource that cannot be guessed, RFC 6120 §13.12.
    private static func makeResource() -> String { SecureRandom.text(length: 12) }
}
