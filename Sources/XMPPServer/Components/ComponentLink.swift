import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The connection of an external component that has shown its secret, XEP-0114 §3. Lives on the connection's loop; `send` may
/// be called from anywhere: what it touches beside the mailbox is the loop's alone; hence `@unchecked Sendable`.
///
/// A component writes in the name of any address of its domain, and of no other but where it has privileges.
final class ComponentLink: StanzaOrigin, StanzaRecipient, ComponentSession, @unchecked Sendable {
    let jid: JID
    let loop: LoopContext
    /// What the component may ask of others' accounts is what anybody may.
    let rights = SessionRights.chat
    let service: ComponentService
    // On the loop only.
    private var stream: ComponentStream?
    private var requests: [PendingRequest] = []
    private var pauseCount = 0
    private var isPausedByRequests = false
    /// Requests in accounts' names that have not been answered.
    var askedCount = 0

    init(_ service: ComponentService, on stream: ComponentStream) {
        jid = service.domain
        self.service = service
        self.stream = stream
        loop = stream.loop
    }

    var host: Host { service.host }
    var router: StanzaRouter { service.host.router }

    // MARK: From the component

    func received(_ element: Element) {
        guard let stanza = Stanza(element) else { return end(.unsupportedStanzaType) }
        guard let from = element["from"].map({ JID($0) }) ?? jid, from.isSameDomain(as: jid) else {
            return end(.invalidFrom)
        }
        guard let to = element["to"].map({ JID($0) }) else { return refuse(stanza, .badRequest, to: from) }
        guard let to else { return refuse(stanza, StanzaError(.jidMalformed), to: from) }
        if speaks(stanza, from: from, to: to) || asks(stanza, from: from, to: to) { return }
        router.received(stanza, from: from, to: to, by: self)
    }

    func refuse(_ stanza: Stanza, _ error: StanzaError, to address: JID) {
        router.bounce(stanza, error, to: self, at: address, answering: stanza.element["to"])
    }

    func streamBegins() { service.connected(self) }
    func streamCloses() {}

    func streamEnded(_ reason: StreamEnd) {
        stream = nil
        for request in exchange(&requests, with: []) { request.cancel() }
        service.disconnected(self)
        host.logger.info("a component has gone", metadata: ["component": "\(jid)", "reason": "\(reason)"])
    }

    // MARK: To the component

    func send(_ stanza: OutgoingStanza) {
        if let current = router.loops.current {
            // All that comes from one loop goes the same way, so that nothing overtakes.
            current.send(stanza, to: self, on: loop)
        } else {
            loop.post(stanza, to: self)
        }
    }

    func deliver(_ stanza: OutgoingStanza) {
        guard let stream else { return service.returned(stanza) }
        stream.send(stanza.bytes)
    }

    /// Ends the connection; from anywhere.
    func end(_ error: StreamError) {
        loop.eventLoop.execute { self.stream?.close(error) }
    }

    // MARK: Origin

    var account: AccountRecord? { nil }
    var privileges: ComponentPrivileges? { service.privileges }
    var client: ClientSession? { nil }
    var language: String? { nil }

    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        send(OutgoingStanza(writer.finish(), kind))
    }

    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        pause()
        Task { [loop] in
            let result = await value(of: operation, within: .nanoseconds(time.nanoseconds))
            loop.eventLoop.execute {
                then(result)
                self.resume()
            }
        }
    }

    private func pause() {
        pauseCount += 1
        if pauseCount == 1 { stream?.pauseReading() }
    }

    private func resume() {
        pauseCount -= 1
        if pauseCount == 0 { stream?.resumeReading() }
    }

    func requestStarted(_ request: PendingRequest) {
        requests.append(request)
        guard requests.count >= host.parallelRequests, !isPausedByRequests else { return }
        isPausedByRequests = true
        pause()
    }

    func requestEnded(_ request: PendingRequest) {
        requests.removeAll { $0 === request }
        guard requests.count < host.parallelRequests, isPausedByRequests else { return }
        isPausedByRequests = false
        resume()
    }
}
