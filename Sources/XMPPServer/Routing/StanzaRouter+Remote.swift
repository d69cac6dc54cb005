import NIOCore
import XML
import XMPP
import XMPPStream

/// Stanzas whose two halves are on different servers.
///
/// The sender's home keeps the stanza under a number, and sends its bytes (it *crosses*). The recipient's home handles them
/// as if the sender were there, with a `RemoteOrigin` for it, and answers with the number. Then the sender's half goes on: its
/// changes, and the sender's acknowledgement, have waited for that. No transaction spans two homes: the recipient's half is
/// durable first, then the sender's.
extension StanzaRouter {
    // MARK: From here

    /// Sends a stanza to its recipient's home. On the sender's loop, if there is a sender.
    func cross(_ event: StanzaContext, to: JID, by route: any RemoteRoute) {
        var writer = XMLWriter()
        event.write(to: &writer)
        let bytes = writer.finish()
        guard isAnswered(event) else {
            _ = route.send(.stanza(remote(event, to, bytes, 0)))
            event.finished?()
            return
        }
        event.record(.crossed, to.string)
        let crossing = crossing(of: event)
        let number = crossings.begin(crossing)
        guard route.send(.stanza(remote(event, to, bytes, number))) else { return refuse(crossing: number, Self.busy) }
        crossings.setDeadline(number, in: TimeAmount(event.host.iqTime), on: crossing.loop) { [self] in
            refuse(crossing: number, StanzaError(.remoteServerTimeout))
        }
    }

    /// The way to the other server has no room.
    private static let busy = StanzaError(.resourceConstraint)

    /// Whether the sender's half goes on when the stanza has arrived.
    private func isAnswered(_ event: borrowing StanzaContext) -> Bool {
        switch event.stanza.kind {
        // Nobody hears of what the server itself sends and keeps no trace of, so it need not wait, in whatever number.
        case .message: event.origin != nil || event.transaction != nil || event.finished != nil
        case .presence: event.origin != nil
        case .iq: event.stanza.type == .get || event.stanza.type == .set
        }
    }

    private func remote(_ event: borrowing StanzaContext, _ to: JID, _ bytes: ByteBuffer, _ number: UInt64)
        -> RemoteStanza
    {
        var facts = event.facts
        if event.origin == nil { facts.insert(.fromServer) }
        return RemoteStanza(
            number: number, from: event.from, to: to, facts: facts, rights: event.origin?.rights ?? .chat, bytes: bytes)
    }

    private func crossing(of event: StanzaContext) -> Crossings.Crossing {
        let loop = event.origin?.loop ?? loops.next
        if event.stanza.kind != .iq, event.origin?.client != nil {
            let group = began(event, holdsAnswers: true)
            group?.input.durability.crossing += 1
            return Crossings.Crossing(event: event, loop: loop, group: group, request: nil)
        }
        inFlight.begin()
        let request = event.origin.map { PendingRequest(of: $0, from: event.from) }
        if let request { event.origin?.requestStarted(request) }
        return Crossings.Crossing(event: event, loop: loop, group: nil, request: request)
    }

    /// The stanza has not arrived, or its answer has not.
    private func refuse(crossing number: UInt64, _ error: StanzaError) {
        end(crossing: number) { router, crossing in
            if crossing.event.transaction?.mayRefuse() != false { router.refuse(crossing.event, error) }
            router.settle(crossing.group)
        }
    }

    /// The server stops: what has not been heard of is refused.
    func endCrossings() {
        for number in crossings.numbers { refuse(crossing: number, StanzaError(.remoteServerTimeout)) }
    }

    private func accepted(_ number: UInt64, _ facts: MessageFacts) {
        end(crossing: number) { router, crossing in
            var event = crossing.event
            event.facts = facts
            router.accept(&event)
            router.commit(event, continuing: crossing.group)
        }
    }

    private func answered(_ number: UInt64, _ bytes: ByteBuffer, behind messages: [ByteBuffer]) {
        end(crossing: number) { router, crossing in
            let event = crossing.event
            let isRequest = event.stanza.kind == .iq
            if !isRequest { event.record(.refused) }
            if let origin = event.origin {
                if isRequest || event.transaction?.mayRefuse() != false {
                    let finish: (Bool) -> Void = { areSent in
                        guard areSent else { return router.refuse(event, StanzaError(.resourceConstraint)) }
                        origin.send(event.stanza.kind, isAwaited: isRequest) { $0.raw(bytes) }
                    }
                    if messages.isEmpty {
                        finish(true)
                    } else {
                        origin.sendMessages(messages.count, { index in { $0.raw(messages[index]) } }, then: finish)
                    }
                }
            } else if let answer = event.host.stanza(fromOwn: bytes, "an answer from another server") {
                // Most likely to a request of the server's own.
                _ = router.outgoing.answered(answer, from: event.to ?? event.from, to: event.from)
            }
            router.settle(crossing.group)
        }
    }

    /// The stanza waits no more: `body` goes on with the sender's half, on its loop.
    private func end(
        crossing number: UInt64, _ body: @escaping @Sendable (StanzaRouter, Crossings.Crossing) -> Void
    ) {
        guard let crossing = crossings.take(number) else { return }
        // Never at once: a stanza that could not be sent is refused when the present one has been handled.
        crossing.loop.eventLoop.execute { [self] in
            crossing.group?.input.durability.crossing -= 1
            body(self, crossing)
            crossing.request?.end()
            crossing.event.finished?()
        }
    }

    // MARK: Components

    /// A component has connected: the modules here, and those at the other servers, may have something for it.
    ///
    /// - Parameter event: for the modules here.
    func componentConnected(_ event: ComponentEvent) {
        fire(event)
        for route in hosts.placement?.others ?? [] { _ = route.send(.componentConnected(event.component.domain)) }
    }

    private func componentConnectedElsewhere(_ domain: JID) {
        guard let service = hosts.service(domain.domain) else { return }
        let loop = loops.next
        loop.eventLoop.execute { [self] in
            fire(ComponentEvent(component: service, host: service.host) { loop.repeat($0) })
        }
    }

    private func fire(_ event: ComponentEvent) {
        var event = event
        event.host.fire(Hooks.componentConnected, &event)
    }

    // MARK: From elsewhere

    /// Takes an item from another server; from any thread.
    ///
    /// - Parameter route: the way back.
    public func received(_ item: RemoteItem, by route: any RemoteRoute) {
        switch item {
        case .accepted(let number, let facts): accepted(number, facts)
        case .answered(let number, let bytes, let messages): answered(number, bytes, behind: messages)
        case .componentConnected(let domain): componentConnectedElsewhere(domain)
        case .stanza(let stanza):
            inFlight.begin()
            let loop = loops.context(for: stanza.to)
            loop.eventLoop.execute { [self] in
                switch lanes.enter(stanza, route) {
                case .goes: arrived(stanza, route, on: loop)
                case .waits: return
                case .full: arrived(stanza, route, on: loop, refusedWith: StanzaError(.resourceConstraint))
                }
                inFlight.end()
            }
        }
    }

    /// A stanza of a lane waits no more; those behind it go on until one has to wait again. On the lane's loop.
    func release(_ lane: JID, on loop: LoopContext) {
        lanes.release(lane)
        while let (stanza, route) = lanes.next(lane) {
            arrived(stanza, route, on: loop)
            inFlight.end()
            lanes.release(lane)
        }
    }

    private func arrived(
        _ remote: RemoteStanza, _ back: any RemoteRoute, on loop: LoopContext, refusedWith error: StanzaError? = nil
    ) {
        guard let host = host(of: remote.from) ?? host(of: remote.to) else { return }
        // Before there is an origin, whose end says that the stanza was accepted.
        guard let stanza = host.stanza(fromOwn: remote.bytes, "a stanza from another server") else { return }
        let answer = remote.number == 0 ? nil : RemoteOrigin.Answer(number: remote.number, route: back)
        let origin = answer.map {
            RemoteOrigin(
                remote.from, rights: remote.rights, at: host, lane: remote.to.bare, answer: $0, on: loop, self)
        }
        var event = StanzaContext(
            stanza: stanza, from: remote.from, to: remote.to, origin: origin, loaded: host.loaded, recipient: nil,
            stage: .addressed)
        event.facts = remote.facts
        if let error { return refuse(event, error) }
        // It does not go on to a third server: the two may not agree where it belongs.
        if case .remote = hosts.recipient(of: remote.to) { return refuse(event, StanzaError(.remoteServerTimeout)) }
        route(&event)
    }

    /// The host whose account an address is, or whose service.
    private func host(of address: JID) -> Host? { hosts[of: address] ?? hosts.service(address.domain)?.host }

    /// The origin at an address, to be told of errors: a session here, or an address at home on another server.
    func origin(at address: JID) -> (any StanzaOrigin)? {
        guard case .remote = hosts.recipient(of: address), let host = host(of: address) else {
            return session(at: address)
        }
        return RemoteOrigin(address, at: host, lane: address.bare, answer: nil, on: loops.next, self)
    }
}
