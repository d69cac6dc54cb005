import DequeModule
import Logging
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// An external component, XEP-0114: a program that serves a domain of its own, over a connection that it makes.
///
/// Stanzas to any address of the domain go to its connection. While it has none, messages wait, for a bounded time and
/// number; then their senders get an error. Requests are refused at once. Presence is dropped, as a returning component
/// probes.
final class ComponentService: Service, StreamComponent {
    /// A message that waits for the component.
    private struct Waiting {
        let event: StanzaContext
        let stanza: OutgoingStanza
        let until: Duration
    }

    private struct State {
        var link: ComponentLink?
        var waiting = Deque<Waiting>()
        var waitingBytes = 0
        /// The component's information for service discovery, by the nodes that stand for its delegations.
        var information: [String: Element] = [:]
        /// Whether a timer for the first waiting message is set.
        var isLooking = false

        /// The first waiting message; with `now` only if its time is over.
        mutating func takeWaiting(until now: Duration? = nil) -> Waiting? {
            guard let first = waiting.first, now.map({ first.until <= $0 }) ?? true else { return nil }
            waitingBytes -= first.stanza.bytes.readableBytes
            return waiting.removeFirst()
        }
    }

    let domain: JID
    var name: String? { configuration.name }
    let configuration: ComponentConfiguration
    /// The host that the component belongs to.
    let host: Host
    /// What the component may do in the name of its host's accounts; nil: nothing.
    var privileges: ComponentPrivileges? { configuration.privileges.isEmpty ? nil : configuration.privileges }
    private let state = Mutex(State())

    init(_ configuration: ComponentConfiguration, domain: JID, host: Host) {
        self.domain = domain
        self.configuration = configuration
        self.host = host
    }

    // MARK: To the component

    func receive(_ event: inout StanzaContext) -> Verdict {
        let stanza = event.outgoing()
        // Under the lock, so that nothing overtakes waiting messages.
        let isSent = state.withLock { state in
            guard let link = state.link else { return false }
            link.send(stanza)
            return true
        }
        if isSent {
            event.record(.delivered, domain.string)
            return .handled
        }
        switch event.stanza.kind {
        case .presence: return .handled
        case .iq: return .bounce(Self.away)
        case .message: return wait(event, stanza) ? .handled : .bounce(Self.away)
        }
    }

    /// RFC 6120 §8.3.3.16, with the advice to try again.
    private static let away = StanzaError(.remoteServerTimeout, type: .wait)

    // MARK: While it is away

    /// - Returns: false if there is no room.
    private func wait(_ event: StanzaContext, _ stanza: OutgoingStanza) -> Bool {
        guard event.stanza.type != .error else { return true }
        var event = event
        event.origin = event.origin?.lasting
        let until = host.uptime() + configuration.queue.time
        return state.withLock { state in
            if let link = state.link {
                link.send(stanza)
                return true
            }
            guard state.waiting.count < configuration.queue.count,
                state.waitingBytes + stanza.bytes.readableBytes <= configuration.queue.bytes
            else { return false }
            state.waiting.append(Waiting(event: event, stanza: stanza, until: until))
            state.waitingBytes += stanza.bytes.readableBytes
            look(&state)
            return true
        }
    }

    /// Sets a timer for the first waiting message.
    private func look(_ state: inout State) {
        guard !state.isLooking, let first = state.waiting.first else { return }
        state.isLooking = true
        let time = TimeAmount(max(.zero, first.until - host.uptime()))
        host.router.loops.next.eventLoop.scheduleTask(in: time) { [weak self] in self?.refuseLate() }
    }

    private func refuseLate() {
        let now = host.uptime()
        while let late = state.withLock({ $0.takeWaiting(until: now) }) { refuse(late) }
        state.withLock { state in
            state.isLooking = false
            look(&state)
        }
    }

    /// The server stops: the senders of waiting messages get errors.
    func stop() async {
        while let waiting = state.withLock({ $0.takeWaiting() }) { refuse(waiting) }
    }

    /// It is no longer served, or another one with other settings replaces it.
    func leave() async {
        state.withLock { $0.link }?.end(.hostGone)
        await stop()
    }

    private func refuse(_ waiting: Waiting) {
        guard let origin = waiting.event.origin else { return }
        origin.loop.eventLoop.execute { [host] in host.router.refuse(waiting.event, Self.away) }
    }

    /// A stanza that did not reach a connection that has ended is handled as if there were none.
    func returned(_ stanza: OutgoingStanza) {
        guard let from = stanza.from, let stanza = host.stanza(fromOwn: stanza.bytes, "a stanza for a component"),
            let to = stanza.element["to"].flatMap({ JID($0) })
        else { return }
        host.router.route(stanza, from: from, to: to, host: host, origin: host.router.origin(at: from))
    }

    // MARK: The connection

    var secret: Redacted<String> { configuration.secret }

    var settings: ConnectionSettings {
        var settings = ConnectionSettings()
        settings.limits = XMLLimits(
            stanzaBytes: host.configuration.limits.stanzaSize, depth: host.configuration.limits.depth,
            attributes: host.configuration.limits.attributes, namespaces: host.configuration.limits.namespaces)
        settings.outgoingQueue = host.configuration.limits.outgoingQueueSize
        return settings
    }

    func connect(_ stream: ComponentStream) -> Result<any ComponentSession, StreamError> {
        host.logger.info("a component has come", metadata: ["component": "\(domain)"])
        return .success(ComponentLink(self, on: stream))
    }

    func refused(from address: SocketAddress?) {
        host.logger.warning(
            "a component has shown a wrong secret",
            metadata: ["component": "\(domain)", "address": "\(address?.ipAddress ?? "")"])
    }

    /// The component has authenticated. An earlier connection ends.
    func connected(_ link: ComponentLink) {
        let former = state.withLock { state in
            let former = exchange(&state.link, with: link)
            if let privileges = link.privileges {
                link.send(.message, isAwaited: false) { privileges.announce(from: host.jid, to: domain, &$0) }
            }
            if !delegations.isEmpty { announceDelegations(to: link) }
            while let waiting = state.takeWaiting() { link.send(waiting.stanza) }
            return former
        }
        former?.end(.conflict)
        askForInformation()
        host.router.componentConnected(ComponentEvent(component: self, host: host) { link.sendBatch($0) })
    }

    func information(node: String) -> Element? { state.withLock { $0.information[node] } }

    /// - Returns: whether it has changed.
    func setInformation(_ information: Element?, node: String) -> Bool {
        let information = information?.detached()
        let former = state.withLock { exchange(&$0.information[node], with: information) }
        return former?.bytes != information?.bytes
    }

    /// The connection has ended.
    func disconnected(_ link: ComponentLink) {
        state.withLock { state in
            if state.link === link { state.link = nil }
        }
    }
}
