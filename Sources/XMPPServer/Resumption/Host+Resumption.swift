import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// Sessions that are resumed, from memory or from the storage.
extension Host {
    /// The last step of a resumption, for the new stream's loop.
    public typealias ResumptionStep = @Sendable () -> Result<ClientSession, ResumptionFailure>

    /// Resumes the session of an account that has this secret, with a stream that has signed in to the account. Stanzas
    /// that the client has handled are dropped. The changes of the client's own stanzas are durable, and so is their count.
    ///
    /// - Parameters:
    ///   - count: how many stanzas the client has handled.
    /// - Returns: the step to call on the stream's loop. It gives the session that takes the former one's place, to be
    ///   connected (`ClientSession.connect`) when the client has been told.
    public func resume(
        _ secret: String, count: UInt32, of record: AccountRecord, on stream: ClientStream
    ) -> Eventual<ResumptionStep> {
        guard let session = record.sessions.first(where: { $0.resumption?.isKnown(by: secret) ?? false }),
            let outbox = session.output.outbox
        else { return .now { [self] in .failure(.notFound(handled: endedCount(secret))) } }
        return .later { [self] in
            guard let handled = await session.detachForResumption() else {
                return { [self] in .failure(.notFound(handled: endedCount(secret))) }
            }
            switch outbox.prepare(count, of: session.output) {
            case .over:
                return { [self] in .failure(.notFound(handled: endedCount(secret))) }
            case .tooHigh(let sent):
                return { .failure(.tooHigh(handled: handled, sent: sent)) }
            case .prepared(var changes, let taker):
                // The client is told the count: it forgets the stanzas that are counted.
                if let resumption = session.resumption { changes.append(.setHandled(session: resumption.id, handled)) }
                do throws(StorageError) {
                    try await storage.commit(changes)
                } catch {
                    let error = report(error)
                    return { .failure(.refused(error)) }
                }
                return { [self] in takeOver(session, outbox, taker, handled: handled, stream) }
            }
        }
    }

    private func takeOver(
        _ former: ClientSession, _ outbox: SessionOutbox, _ taker: SessionOutbox.Taker, handled: UInt32,
        _ stream: ClientStream
    ) -> Result<ClientSession, ResumptionFailure> {
        let record = former.record
        guard isServed, accounts.cached(record.jid) === record, !revocations.contains(stream.token) else {
            return .failure(.refused(StanzaError(.notAuthorized)))
        }
        var state = former.state(handled: handled)
        state.token = stream.token
        // The session gets the rights that both sign-ins have.
        state.rights.formIntersection(stream.rights)
        state.userAgent = stream.userAgent ?? state.userAgent
        let session = ClientSession(state, record: record, host: self, loop: stream.connection.loop, outbox: outbox)
        guard outbox.change(owner: former.output, to: session.output, by: taker) else {
            return .failure(.notFound(handled: handled))
        }
        former.loop.eventLoop.execute { former.wasReplaced() }
        guard record.replace(former, with: session) else {
            // Somebody has bound the resource meanwhile.
            session.conclude(.error(.conflict))
            return .failure(.notFound(handled: handled))
        }
        session.startTimer()
        session.storeState()
        return .success(session)
    }

    private func endedCount(_ secret: String) -> UInt32? { endedSessions.withLock { $0[secret] } }

    func remember(_ resumption: Resumption, handled: UInt32) {
        endedSessions.withLock { $0.add(resumption.secret, handled: handled) }
    }

    // MARK: From the storage

    /// Restores the sessions that the former process has left: they hibernate, and their time begins now.
    func restore(_ stored: [StoredAccount.Session], into record: AccountRecord) -> [ClientSession] {
        guard let settings = resumption else { return [] }
        return stored.map { found in
            let stored = found.session
            let resumption = Resumption(
                id: stored.id, secret: stored.secret, time: found.isRevoked ? .zero : min(stored.time, settings.time))
            let outbox = SessionOutbox(
                settings, unwrittenBytes: configuration.limits.outgoingQueueSize, resumption,
                messages: found.messages, of: self, at: now())
            let presence = stored.presence.flatMap { element(fromOwn: $0, "a session's presence") }
            let state = SessionState(
                jid: stored.jid, boundAt: stored.boundAt, token: stored.token, rights: stored.rights,
                userAgent: stored.userAgent.map { UserAgent(id: $0) }, handled: stored.handled, presence: presence,
                priority: presence.map { $0.child("priority", .client).flatMap { Int($0.text) } ?? 0 },
                flags: ClientSession.bits(ofFlags: stored.flags.filter { $0 != SessionState.inactive }),
                isInactive: stored.flags.contains(SessionState.inactive))
            let session = ClientSession(state, record: record, host: self, loop: router.loops.next, outbox: outbox)
            outbox.restored(to: session.output)
            _ = record.add(session, atMost: .max)
            return session
        }
    }

    /// Restores all stored sessions, with their accounts.
    func restoreSessions() async {
        guard resumption != nil else { return }
        do throws(StorageError) {
            for account in try await storage.accountsWithSessions(host: domain) where router.hosts.isHome(of: account) {
                _ = try await accounts.load(account)
            }
        } catch {
            _ = report(error)
        }
    }
}
