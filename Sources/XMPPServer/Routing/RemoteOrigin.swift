import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// Whoever has sent a stanza from another server, as far as the recipient's half may know: an address, and what it may ask
/// for. Its session and its account are at its home.
///
/// For each stanza there is one, which answers it once: with what it is sent first, or, when nobody holds it any more, that
/// it was accepted. Whoever still processes the stanza, or commits what it changes, holds it: so all of that has ended then.
/// Whatever it is sent later goes to its address as a stanza.
final class RemoteOrigin: StanzaOrigin {
    let loop: LoopContext
    let host: Host
    let rights: SessionRights
    /// What it has sent has the language with it.
    var language: String? { nil }
    var account: AccountRecord? { nil }
    var client: ClientSession? { nil }

    private let address: JID
    private let router: StanzaRouter
    private let lane: JID
    private let answer: Mutex<Answer?>

    /// The answer that its stanza gets.
    struct Answer: Sendable {
        let number: UInt64
        let route: any RemoteRoute
        var facts: MessageFacts = []
    }

    /// - Parameters:
    ///   - lane: whose stanzas wait while this one does.
    ///   - answer: nil: nobody waits for it.
    init(
        _ address: JID, rights: SessionRights = .chat, at host: Host, lane: JID, answer: Answer?, on loop: LoopContext,
        _ router: StanzaRouter
    ) {
        self.address = address
        self.rights = rights
        self.host = host
        self.lane = lane
        self.answer = Mutex(answer)
        self.loop = loop
        self.router = router
    }

    deinit { takeAnswer()?.send { .accepted($0.number, $0.facts) } }

    private func takeAnswer() -> Answer? { answer.withLock { exchange(&$0, with: nil) } }

    var privileges: ComponentPrivileges? { router.hosts.service(address.domain)?.privileges }

    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        let bytes = writer.finish()
        if let answer = takeAnswer() { return answer.send { .answered($0.number, bytes) } }
        guard let stanza = host.stanza(fromOwn: bytes, "a stanza for somebody at another server"),
            let from = stanza.element["from"].flatMap({ JID($0) })
        else { return }
        router.route(stanza, from: from, to: address, host: host)
    }

    func accepted(_ facts: MessageFacts) { answer.withLock { $0?.facts = facts } }

    var lasting: any StanzaOrigin {
        RemoteOrigin(address, rights: rights, at: host, lane: lane, answer: nil, on: loop, router)
    }

    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        router.lanes.hold(lane)
        let end: @Sendable (Value?) -> Void = { [self] value in
            then(value)
            router.release(lane, on: loop)
        }
        let first = FirstResult(end)
        let timer = loop.eventLoop.scheduleTask(in: time) { first.answer(nil) }
        Task { [loop] in
            let value = await operation()
            timer.cancel()
            loop.eventLoop.execute { first.answer(value) }
        }
    }

    /// The sender's home bounds what its clients ask at once.
    func requestStarted(_ request: PendingRequest) {}
    func requestEnded(_ request: PendingRequest) {}
}

extension RemoteOrigin.Answer {
    /// The way back has room for the answers to all that came by it.
    fileprivate func send(_ item: (Self) -> RemoteItem) { _ = route.send(item(self)) }
}
