import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// Brings stanzas to where they belong, RFC 6120 §10 and RFC 6121 §8.
///
/// **Overview.** A stanza of a client passes the hooks of its sender's host (`…FromClient`), then its address decides:
/// an account of a host that is served here takes it through the hooks of that host (`…ToAccount`) to the account's
/// sessions; an IQ request to a host or an account is answered from the host's `IQTable`; everything else is refused.
///
/// **Waiting.** All of this is synchronous. Two things may have to wait: a handler whose verdict says so, and an
/// account that is not in memory. Then processing is put aside, reading from its sender is paused, and it goes on where it
/// stopped.
///
/// **Errors.** Only the router answers with errors; it never answers an error with an error, RFC 6120 §8.3.1.
public final class StanzaRouter: Sendable {
    public let hosts: HostTable
    let loops: LoopTable
    let inFlight = InFlightCounter()
    let outgoing = OutgoingRequests()
    /// Stanzas between the two halves of their ways.
    let crossings = Crossings()
    let lanes = RemoteLanes()
    /// Whether the server is about to stop: sessions are not ended any more, but left to the next process.
    let isStopping = Atomic<Bool>(false)
    /// The recent steps of messages.
    public let trace: MessageTrace

    init(hosts: HostTable, loops: LoopTable, trace: MessageTrace = MessageTrace(byteCount: 0, loops: 1)) {
        self.trace = trace
        self.hosts = hosts
        self.loops = loops
    }

    // MARK: From a client

    func received(_ stanza: Stanza, from session: ClientSession) {
        let to: JID?
        switch session.input.address(of: stanza) {
        case .none: to = nil
        case .valid(let jid): to = jid
        case .malformed(let address):
            return bounce(stanza, StanzaError(.jidMalformed), to: session, at: session.jid, answering: address)
        }
        // Made once and handed on in place: a copy of it costs a good part of what a delivery does.
        var event = StanzaContext(
            stanza: stanza, from: session.jid, to: to, origin: session, loaded: session.host.loaded, recipient: nil,
            stage: .fromClient(0))
        switch stanza.kind {
        case .iq:
            received(iq: &event)
        case .message:
            if let trace = session.trace {
                event.number = trace.began(stanza, from: session.jid, to: to, at: session.host.now())
            }
            event.strip(hosts.reservedElements)
            route(&event)
        case .presence:
            // RFC 6121 §4.7.1; a message of an unknown type is a normal one, §5.2.2.
            if stanza.type == .unknown {
                return bounce(event, .badRequest)
            }
            event.strip(hosts.reservedElements)
            route(&event)
        }
    }

    // MARK: From elsewhere

    /// A stanza of somebody who is no client, such as a component. It may have been written by anybody. In an account's name it
    /// passes what the stanzas of its clients pass.
    func received(_ stanza: Stanza, from: JID, to: JID, by origin: any StanzaOrigin) {
        var event = StanzaContext(
            stanza: stanza, from: from, to: to, origin: origin, loaded: origin.host.loaded, recipient: nil,
            stage: origin.account == nil ? .addressed : .fromClient(0))
        if stanza.kind == .iq { return received(iq: &event) }
        if stanza.kind == .presence, stanza.type == .unknown { return bounce(event, .badRequest) }
        event.strip(hosts.reservedElements)
        route(&event)
    }

    /// Sends a stanza in the name of an account or a service, as if one of its sessions had sent it but past the hooks of
    /// `…FromClient`.
    ///
    /// - Parameters:
    ///   - origin: who is told about errors, if anybody.
    ///   - cause: the stanza because of which it is sent, and whose sender is told about errors.
    ///   - facts: what the recipient's half has to know.
    public func route(
        _ stanza: Stanza, from: JID, to: JID, host: Host, origin: (any StanzaOrigin)? = nil,
        causedBy cause: StanzaContext? = nil, facts: MessageFacts = []
    ) {
        var event = StanzaContext(
            stanza: stanza, from: from, to: to, origin: origin ?? cause?.origin, loaded: host.loaded, recipient: nil,
            stage: .addressed)
        if let cause = cause?.transaction { event.transaction = StanzaTransaction(causedBy: cause) }
        event.facts = facts
        route(&event)
    }

    /// Sends a stanza in the name of an account or a service to many, as to one; it is written once for all of them.
    ///
    /// - Parameter origin: who is told about errors, if anybody.
    public func route(
        _ stanza: Stanza, from: JID, toAll addresses: [JID], host: Host, origin: (any StanzaOrigin)? = nil
    ) {
        let written = WrittenStanza(stanza.element, from: from.string)
        var event = StanzaContext(
            stanza: stanza, written: written, from: from, to: nil, origin: origin, loaded: host.loaded, recipient: nil,
            stage: .addressed)
        for address in addresses {
            event.begin(stanza, written, to: address, at: host)
            route(&event)
        }
    }

    /// Sends a stanza in the name of an account or a service to many, as to one. They need not be looked for.
    ///
    /// - Parameter written: the stanza as all of them get it, from that sender.
    public func route(
        _ stanza: Stanza, _ written: WrittenStanza, from: JID, to recipients: ArraySlice<CachedRecipient>, host: Host
    ) {
        var event = StanzaContext(
            stanza: stanza, written: written, from: from, to: nil, origin: nil, loaded: host.loaded, recipient: nil,
            stage: .addressed)
        for recipient in recipients {
            event.begin(stanza, written, to: recipient.address, at: recipient.host)
            event.recipient = recipient.account
            event.stage = .toAccount(0)
            route(&event)
        }
    }

    // MARK: The way of stanzas

    func route(_ event: inout StanzaContext) {
        guard go(&event) else { return }
        event.finished?()
    }

    /// - Returns: whether processing has ended; if not it goes on later.
    private func go(_ event: inout StanzaContext) -> Bool {
        while true {
            guard !event.isVoid else {
                refuse(event, .internalServerError)
                return true
            }
            let outcome: HookList<StanzaContext>.Outcome
            switch event.stage {
            case .fromClient(let index):
                let hooks = event.loaded.declarations.fromClient(event.stanza.kind)
                outcome = hooks.run(&event, from: index, to: hooks.entries.count)
                if case .passed = outcome { event.stage = .addressed }
            case .addressed:
                switch place(&event) {
                case .account: outcome = .passed
                case .service(let service): outcome = offer(&event, to: service)
                case .elsewhere: return false
                }
            case .toAccount(let index):
                let hooks = event.loaded.declarations.toAccount(event.stanza.kind)
                outcome = hooks.run(&event, from: index, to: hooks.fallback)
                if case .passed = outcome { event.stage = .deliver }
            case .deliver:
                switch deliver(&event) {
                case .done:
                    accept(&event)
                    commit(event)
                    return true
                case .refused(let error):
                    refuse(event, error)
                    return true
                case .nobody:
                    break
                }
                event.stage = .fallback(event.loaded.declarations.toAccount(event.stanza.kind).fallback)
                outcome = .passed
            case .fallback(let index):
                let hooks = event.loaded.declarations.toAccount(event.stanza.kind)
                outcome = hooks.run(&event, from: index, to: hooks.entries.count)
                if case .passed = outcome {
                    undelivered(event)
                    return true
                }
            case .accepted:
                return true
            }
            if case .passed = outcome { continue }
            return end(&event, outcome)
        }
    }

    /// Ends processing at a handler that did not let the stanza pass.
    ///
    /// - Returns: false: the handler waits, and it goes on later.
    func end(_ event: inout StanzaContext, _ outcome: HookList<StanzaContext>.Outcome) -> Bool {
        switch outcome {
        case .passed:
            break
        case .handled(let module):
            event.record(.taken, module)
            accept(&event)
            commit(event)
        case .bounced(let error, let module):
            event.record(.refused, module, error.condition.name)
            bounce(event, error)
        case .waiting(let next, let operation):
            wait(event, next, operation)
            return false
        case .keeping(let operation, let module):
            event.record(.kept, module)
            accept(&event)
            keep(event, operation)
        }
        return true
    }

    /// Back at the sender's: a message of an account that has reached its recipient's half, and was not refused there.
    func accept(_ event: inout StanzaContext) {
        guard let origin = event.origin else { return }
        guard origin.account != nil else { return origin.accepted(event.facts) }
        guard event.stanza.kind == .message else { return }
        let loaded = origin.host.loaded
        let hooks = loaded.declarations.messageAccepted
        guard !hooks.entries.isEmpty else { return }
        // What is taken in the sender's own half has not been accepted by anybody.
        if case .fromClient = event.stage { return }
        event.accept(at: loaded)
        _ = hooks.run(&event, from: 0, to: hooks.entries.count)
    }

    private func wait(_ event: StanzaContext, _ next: Int, _ operation: @escaping @Sendable () async -> Verdict) {
        var event = event
        let module = self.module(before: next, event)
        switch event.stage {
        case .fromClient: event.stage = .fromClient(next)
        case .toAccount: event.stage = .toAccount(next)
        case .fallback: event.stage = .fallback(next)
        case .addressed, .deliver, .accepted: break
        }
        continueLater(event, waitingFor: module, operation) { router, event, verdict in
            switch verdict {
            case .go:
                // A service that has nothing to say.
                if case .addressed = event.stage { return router.refuse(event, .serviceUnavailable) }
                var event = event
                return router.route(&event)
            case .wait(let operation): return router.wait(event, next, operation)
            case .handled:
                event.record(.taken, module)
                var event = event
                router.accept(&event)
                router.commit(event)
            case .bounce(let error):
                event.record(.refused, module, error.condition.name)
                router.bounce(event, error)
            case .keep(let operation):
                event.record(.kept, module)
                var event = event
                router.accept(&event)
                router.keep(event, operation)
            }
            event.finished?()
        }
    }

    /// The module whose handler stands before `next`.
    private func module(before next: Int, _ event: StanzaContext) -> String {
        let hooks: HookList<StanzaContext>
        switch event.stage {
        case .fromClient: hooks = event.loaded.declarations.fromClient(event.stanza.kind)
        case .toAccount, .fallback: hooks = event.loaded.declarations.toAccount(event.stanza.kind)
        case .addressed, .deliver, .accepted: return ""
        }
        return hooks.entries.indices.contains(next - 1) ? hooks.entries[next - 1].module : ""
    }

    /// Continues with `then` after an operation. Reading from the stanza's origin, if it has one, pauses meanwhile. When the
    /// time is over the stanza is refused.
    ///
    /// - Parameter reason: names the operation in the log.
    private func continueLater<Value: Sendable>(
        _ event: StanzaContext, waitingFor reason: String,
        _ operation: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (StanzaRouter, StanzaContext, Value) -> Void
    ) {
        inFlight.begin()
        let account = event.from.bare
        let reading: @Sendable () async -> Value = {
            let value = await ReadTurn.$account.withValue(account, operation: operation)
            // An operation that goes on after the time is over keeps the accounts' records as well.
            return withExtendedLifetime(event) { value }
        }
        let end: @Sendable (Value?) -> Void = { [self] value in
            if let value {
                then(self, event, value)
            } else {
                waitedTooLong(event, for: reason)
                event.finished?()
            }
            inFlight.end()
        }
        let time = event.host.iqTime
        if let origin = event.origin, origin.loop.eventLoop.inEventLoop {
            origin.pauseReading(reading, within: TimeAmount(time), then: end)
        } else {
            Task { end(await value(of: reading, within: time)) }
        }
    }

    private func waitedTooLong(_ event: StanzaContext, for reason: String) {
        report(event.stanza, from: event.from, on: event.host, waitingFor: reason)
        refuse(event, StanzaError(.resourceConstraint))
    }

    /// A session's stanza has waited too long, before it was looked at.
    func waitedTooLong(_ stanza: Stanza, from session: ClientSession, for reason: String) {
        report(stanza, from: session.jid, on: session.host, waitingFor: reason)
        bounce(
            stanza, StanzaError(.resourceConstraint), to: session, at: session.jid, answering: stanza.element["to"])
    }

    private func report(_ stanza: Stanza, from: JID, on host: Host, waitingFor reason: String) {
        host.logger.warning(
            "a stanza has waited too long and is refused",
            metadata: ["kind": "\(stanza.kind)", "from": "\(from)", "waiting-for": "\(reason)"])
    }

    /// The next place of a stanza.
    enum Place {
        /// Through the hooks of its recipient's host.
        case account
        case service(any Service)
        /// Processing ends here, or goes on later.
        case elsewhere
    }

    /// Has a service take a stanza.
    func offer(_ event: inout StanzaContext, to service: any Service) -> HookList<StanzaContext>.Outcome {
        let name = service.domain.domain
        switch service.receive(&event) {
        case .go: return .bounced(.serviceUnavailable, by: name)
        case .handled: return .handled(by: name)
        case .bounce(let error): return .bounced(error, by: name)
        case .wait(let operation): return .waiting(next: 0, operation)
        case .keep(let operation): return .keeping(operation, by: name)
        }
    }

    /// Finds the host and the account that the stanza is for, or the service.
    private func place(_ event: inout StanzaContext) -> Place {
        let kind = event.stanza.kind
        if kind == .iq { return place(iq: &event) }
        let to = event.to ?? event.from.bare
        switch hosts.recipient(of: to) {
        case .account(let host, _):
            if host !== event.host { event.loaded = host.loaded }
        case .service(let service, _):
            return .service(service)
        case .host:
            // Nobody is at home at a host itself.
            if kind == .message { refuse(event, .serviceUnavailable) }
            return .elsewhere
        case .remote(let route, _):
            cross(event, to: to, by: route)
            return .elsewhere
        case .unknown:
            refuse(event, StanzaError(.remoteServerNotFound))
            return .elsewhere
        }
        // RFC 6121 §8.1.1.1: a message without an address is for the sender's own account.
        if event.to == nil { event.readdress(to: to) }
        let host = event.host
        if let account = host.accounts.cached(to) {
            event.recipient = account
            event.stage = .toAccount(0)
            return .account
        }
        // An account that is not in memory has no sessions, so presence has no recipient.
        if kind == .presence, event.stanza.type?.subscription == nil { return .elsewhere }
        continueLater(event, waitingFor: "the account", { await host.find(to) }) { router, event, found in
            var event = event
            switch found {
            case .success(let account?):
                event.recipient = account
                event.stage = .toAccount(0)
                router.route(&event)
            case .success(nil):
                if event.stanza.kind == .message { router.refuse(event, .serviceUnavailable) }
            case .failure(let error):
                router.refuse(event, error)
            }
        }
        return .elsewhere
    }

    /// Runs an operation that no stanza waits for, but the end of the server does.
    public func begin(_ operation: @escaping @Sendable () async -> Void) {
        inFlight.begin()
        Task { [inFlight] in
            await operation()
            inFlight.end()
        }
    }

    /// Something is under way that the end of the server waits for, until `workEnded`.
    public func workBegan() { inFlight.begin() }
    public func workEnded() { inFlight.end() }

    /// The loop on which an entity without a connection is handled, such as a room: always the same one.
    public func loop(for address: JID) -> LoopContext { loops.context(for: address) }

    /// Returns when no stanza and no operation waits any more.
    public func settled() async { await inFlight.drained() }

    /// Refuses all stanzas that sessions wait with.
    func endPauses() {
        for session in hosts.all.flatMap(\.accounts.sessions) {
            session.loop.eventLoop.execute { session.input.endPauses() }
        }
        endCrossings()
    }

    // MARK: Errors

    /// Refuses a stanza that no module has refused.
    func refuse(_ event: StanzaContext, _ error: StanzaError) {
        event.record(.refused, "", error.condition.name)
        bounce(event, error)
    }

    /// Answers a stanza with an error, unless it is itself an error or a presence broadcast.
    func bounce(_ event: StanzaContext, _ error: StanzaError) {
        guard let origin = event.origin ?? formerOrigin(of: event) else {
            // A request of the server's own, or nobody is to know.
            if event.stanza.kind == .iq, let id = event.stanza.id { outgoing.end(id, .error(nil)) }
            return
        }
        bounce(
            event.stanza, error, to: origin, at: origin.client?.jid ?? event.from,
            answering: event.stanza.element["to"] ?? (event.written == nil ? nil : event.to?.string))
    }

    /// The origin of a message that a session has left behind, if it is still there.
    private func formerOrigin(of event: StanzaContext) -> (any StanzaOrigin)? {
        event.detached == nil ? nil : origin(at: event.from)
    }

    /// The session at a full address, if there is one here.
    func session(at address: JID) -> ClientSession? {
        address.resource.flatMap { hosts.cachedAccount(address)?.session($0) }
    }

    /// - Parameters:
    ///   - address: who has sent the stanza.
    ///   - answering: whom the stanza was for.
    func bounce(
        _ stanza: Stanza, _ error: StanzaError, to origin: any StanzaOrigin, at address: JID,
        answering recipient: String?
    ) {
        guard stanza.type != .error, !(stanza.kind == .iq && stanza.type == .result) else { return }
        origin.send(stanza.kind, isAwaited: false) {
            stanza.writeError(error, from: recipient, to: address.string, to: &$0)
        }
    }

    // MARK: Ends

    func ended(_ session: ClientSession, _ reason: StreamEnd) {
        outgoing.ended(session)
        answerRequests(of: session)
        var event = SessionEvent(session: session, host: session.host, end: reason)
        session.host.fire(Hooks.sessionEnded, &event)
    }
}
