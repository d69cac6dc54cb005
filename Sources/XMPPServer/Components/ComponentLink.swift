import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The connection of an authenticated external component, XEP-0114 §3. Lives on the connection's loop. `send` may be
/// called from any thread, and touches only the mailbox there; everything else is confined to the loop; hence
/// `@unchecked Sendable`.
///
/// A component may send from any address of its domain; other addresses take privileges.
final class ComponentLink: StanzaOrigin, StanzaRecipient, ComponentSession, @unchecked Sendable {
    let jid: JID
    let loop: LoopContext
    /// Towards other accounts a component has the rights of a stranger.
    let rights = SessionRights.chat
    private let component: ComponentService
    // Confined to the loop.
    private var stream: ComponentStream?
    private var requests: [PendingRequest] = []
    private var pauseCount = 0
    private var isPausedByRequests = false
    /// The number of unanswered requests in accounts' names.
    var askedCount = 0

    init(_ component: ComponentService, on stream: ComponentStream) {
        jid = component.domain
        self.component = component
        self.stream = stream
        loop = stream.loop
    }

    var service: (any Service)? { component }
    var host: Host { component.host }
    var router: StanzaRouter { component.host.router }

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

    func streamBegins() { component.connected(self) }
    func streamCloses() {}

    func streamEnded(_ reason: StreamEnd) {
        stream = nil
        for request in exchange(&requests, with: []) { request.cancel() }
        component.disconnected(self)
        host.logger.info("a component has gone", metadata: ["component": "\(jid)", "reason": "\(reason)"])
    }

    // MARK: To the component

    func send(_ stanza: OutgoingStanza) {
        if let current = router.loops.current {
            // All stanzas of one loop go this way, so that their order is kept.
            current.send(stanza, to: self, on: loop)
        } else {
            loop.post(stanza, to: self)
        }
    }

    func deliver(_ stanza: OutgoingStanza) {
        guard let stream else { return component.returned(stanza) }
        stream.send(stanza.bytes)
    }

    /// Sends many stanzas, one by one, as fast as the component reads them. On the link's loop.
    ///
    /// - Parameter sendNext: sends one stanza; false: there was none left.
    func sendBatch(_ sendNext: @escaping () -> Bool) {
        loop.repeat { [self] in
            guard let stream else { return false }
            guard stream.room > 0 else {
                stream.whenWritten { isWritten in
                    if isWritten { self.sendBatch(sendNext) }
                }
                return false
            }
            return sendNext()
        }
    }

    /// Ends the connection; from any thread.
    func end(_ error: StreamError) {
        loop.eventLoop.execute { self.stream?.close(error) }
    }

    // MARK: Origin

    var account: AccountRecord? { nil }
    var privileges: ComponentPrivileges? { component.privileges }
    var client: ClientSession? { nil }
    var language: String? { nil }

    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        send(OutgoingStanza(writer.finish(), kind))
    }

    func sendMessages(
        _ count: Int, _ message: @escaping (_ index: Int) -> Reply.Content?,
        then: @escaping (_ areSent: Bool) -> Void
    ) {
        var index = 0
        sendBatch { [self] in
            guard index < count else {
                then(true)
                return false
            }
            if let write = message(index) { send(.message, isAwaited: true, write) }
            index += 1
            return true
        }
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
