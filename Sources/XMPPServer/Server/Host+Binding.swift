import XMPP
import XMPPStream

extension Host {
    /// Binds a resource within the sign-in, XEP-0386 §3.2: the tag, if it can be part of one, and what the server makes. A
    /// client that says which installation it is gets the same resource each time, and ends its earlier sessions.
    func bind(
        _ record: AccountRecord, tag: String?, on stream: StreamHandler
    ) -> Result<ClientSession, StanzaError> {
        let id = stream.userAgent?.id
        let made = id.map { stableResource(of: record.jid, $0) } ?? Self.makeResource()
        let tagged = tag.flatMap { $0.isEmpty ? nil : record.jid.with(resource: "\($0)/\(made)") }
        guard let jid = tagged.flatMap({ fits($0) ? $0 : nil }) ?? record.jid.with(resource: made) else {
            return .failure(.internalServerError)
        }
        if let id {
            for other in record.sessions where other.userAgent?.id == id { replace(other) }
        }
        return bind(record, jid, .replaceOld, on: stream)
    }

    private func fits(_ jid: JID) -> Bool { (jid.resource?.utf8.count ?? 0) <= configuration.limits.resourceLength }

    /// Tells nothing of the id, and nothing that others could know.
    private func stableResource(of account: JID, _ id: String) -> String {
        String(
            Base64.encode(key.code(of: "resource\0\(account)\0\(id)")).filter { $0.isLetter || $0.isNumber }.prefix(12))
    }

    /// RFC 6120 §7.7.2.2: out of the table now, so that the new session can take its place.
    private func replace(_ other: ClientSession) {
        other.record.remove(other)
        other.end(.conflict)
    }

    /// Binds a resource, RFC 6120 §7. On the stream's loop.
    func bind(
        _ record: AccountRecord, resource: String?, on stream: StreamHandler
    ) -> Result<ClientSession, StanzaError> {
        if let resource, resource.utf8.count > configuration.limits.resourceLength { return .failure(.badRequest) }
        guard let jid = record.jid.with(resource: resource ?? Self.makeResource()) else { return .failure(.badRequest) }
        return bind(record, jid, configuration.streams.resourceConflict, on: stream)
    }

    private func bind(
        _ record: AccountRecord, _ wanted: JID, _ conflict: StreamSettings.ResourceConflict, on stream: StreamHandler
    ) -> Result<ClientSession, StanzaError> {
        var jid = wanted
        while true {
            let session = ClientSession(
                jid: jid, record: record, host: self, stream: stream, token: stream.token, boundAt: now())
            switch record.add(session, atMost: configuration.limits.sessionsPerAccount) {
            case .added where accounts.resident(record.jid) !== record || revocations.contains(stream.token):
                // The account was removed meanwhile, or the token revoked.
                record.remove(session)
                return .failure(StanzaError(.notAuthorized))
            case .added:
                var event = SessionEvent(session: session, host: self, end: nil)
                _ = sessionBound.run(&event, from: 0, to: sessionBound.entries.count)
                return .success(session)
            case .tooMany:
                return .failure(StanzaError(.resourceConstraint))
            case .conflict(let other):
                switch conflict {
                case .replaceOld:
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

    /// A resource that nobody can guess, RFC 6120 §13.12.
    private static func makeResource() -> String { SecureRandom.text(length: 12) }
}
