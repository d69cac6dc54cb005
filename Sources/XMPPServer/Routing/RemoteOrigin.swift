import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The origin of a stanza from another server, as far as the recipient's half may know it: an address and its rights. Its
/// session and its account are at its home.
///
/// Each stanza has its own, which answers it once: with the first stanza that is sent to it, or, when it is released, that
/// the stanza was accepted. Processing of the stanza and the commit of its changes hold it, so both have ended then. Later
/// stanzas are routed to its address.
final class RemoteOrigin: StanzaOrigin {
    let loop: LoopContext
    let host: Host
    let rights: SessionRights
    /// The stanza has its language with it.
    var language: String? { nil }
    var account: AccountRecord? { nil }
    var client: ClientSession? { nil }

    private let address: JID
    private let router: StanzaRouter
    private let lane: JID
    private let answer: Mutex<Answer?>

    /// The answer to its stanza.
    struct Answer: Sendable {
        let number: UInt64
        let route: any RemoteRoute
        var facts: MessageFacts = []
        /// What its request's result comes behind.
        var messages: [ByteBuffer] = []
    }

    /// - Parameters:
    ///   - lane: the address whose further stanzas wait while this one does.
    ///   - answer: nil: no answer is expected.
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
        if let answer = takeAnswer() { return answer.send { .answered($0.number, bytes, behind: $0.messages) } }
        guard let stanza = host.stanza(fromOwn: bytes, "a stanza for somebody at another server"),
            let from = stanza.element["from"].flatMap({ JID($0) })
        else { return }
        router.route(stanza, from: from, to: address, host: host)
    }

    /// They cross with the answer: their order is kept, and the asker's home sends them as fast as it takes them.
    func sendMessages(
        _ count: Int, _ message: @escaping (_ index: Int) -> Reply.Content?,
        then: @escaping (_ areSent: Bool) -> Void
    ) {
        let messages = (0..<count).lazy.compactMap(message).map { write in
            var writer = XMLWriter()
            write(&writer)
            return writer.finish()
        }
        answer.withLock { $0?.messages = Array(messages) }
        then(true)
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

    /// The sender's home bounds the requests of its clients.
    func requestStarted(_ request: PendingRequest) {}
    func requestEnded(_ request: PendingRequest) {}
}

extension RemoteOrigin.Answer {
    /// Never refused: the way back has room for the answers to all stanzas that it has brought.
    fileprivate func send(_ item: (Self) -> RemoteItem) { _ = route.send(item(self)) }
}
