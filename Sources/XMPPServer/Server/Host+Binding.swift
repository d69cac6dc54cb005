import XMPP
import XMPPStream

extension Host {
    /// Binds a resource, RFC 6120 §7. On the stream's loop.
    func bind(
        _ record: AccountRecord, resource: String?, on stream: StreamHandler
    ) -> Result<ClientSession, StanzaError> {
        if let resource, resource.utf8.count > configuration.limits.resourceLength { return .failure(.badRequest) }
        guard var jid = record.jid.with(resource: resource ?? Self.makeResource()) else { return .failure(.badRequest) }
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
                switch configuration.streams.resourceConflict {
                case .replaceOld:
                    // §7.7.2.2: out of the table now, so that the new session can take its place.
                    other.record.remove(other)
                    other.end(.conflict)
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
