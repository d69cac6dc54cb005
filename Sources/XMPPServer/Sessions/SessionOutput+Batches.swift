import DequeModule
import Logging
import NIOCore
import Synchronization
import XMPP
import XMPPStream

/// Batches of stanzas for a client: a page of an archive, stored messages, the presence of all contacts.
///
/// A batch is sent stanza by stanza, each when there is room for it. So a batch overflows neither the output nor the
/// outbox, however many stanzas it has and however large they are. Other stanzas go in between; batches follow each other.
///
/// A stanza of a batch may exceed the limit of waiting output.
///
/// When a session is resumed its batches go on, into the outbox that the new session has taken over.
extension SessionOutput {
    struct Batch {
        /// Sends one stanza; `false`: there was none left.
        let sendNext: () -> Bool
        /// Whether it ends unsent if there is neither room nor a connection: its sender has another way.
        var needsConnection = false
        let then: (_ isSent: Bool) -> Void
    }

    /// How long a client may take to read waiting output before its connection counts as lost.
    private static let readingTime = TimeAmount.seconds(60)

    /// The number of batches that may wait for a client.
    private static let maximumBatches = 1_000

    /// Sends a batch behind those before it. On the session's loop.
    ///
    /// - Parameters:
    ///   - sendNext: sends one stanza; `false`: there was none left.
    ///   - then: called once, with whether all has been sent; if not, the session is over, or there are too many batches.
    public func sendBatch(
        _ sendNext: @escaping () -> Bool, then: @escaping (_ isSent: Bool) -> Void = { _ in }
    ) {
        send(Batch(sendNext: sendNext, then: then))
    }

    private func send(_ batch: Batch) {
        guard batches.count < Self.maximumBatches else { return batch.then(false) }
        batches.append(batch)
        sendBatches()
    }

    private func sendBatches() {
        guard !isSendingBatches else { return }
        isSendingBatches = true
        while let batch = batches.first {
            guard takesStanzas else {
                isSendingBatches = false
                return endBatches()
            }
            guard hasRoom(else: { self.goOnSending() }) else { return endImpatientBatches() }
            isSendingOfBatch = true
            let isSent = batch.sendNext()
            isSendingOfBatch = false
            if isSent { continue }
            batches.removeFirst()
            batch.then(true)
        }
        isSendingBatches = false
    }

    private func endImpatientBatches() {
        guard outbox?.isHibernating == true else { return }
        let impatient = batches.filter(\.needsConnection)
        batches.removeAll(where: \.needsConnection)
        for batch in impatient { batch.then(false) }
    }

    private func goOnSending() {
        isSendingBatches = false
        sendBatches()
    }

    private func endBatches() {
        for batch in exchange(&batches, with: []) { batch.then(false) }
    }

    /// Whether stanzas to the session still reach its client, or wait for it.
    private var takesStanzas: Bool { outbox?.isOpen ?? (stream != nil) }

    /// `false`: `body` is called on the loop when there is room, or when the session is over.
    private func hasRoom(else body: @escaping @Sendable () -> Void) -> Bool {
        if let outbox {
            return outbox.hasRoom { self.loop.eventLoop.execute { body() } }
        }
        guard let stream, stream.room <= 0 else { return true }
        whenWritten(to: stream) { _ in body() }
        return false
    }

    /// Calls `body` on the loop, later, when the connection has taken all that waits for it; with `false` if it is lost, as
    /// it counts as lost when its client does not read.
    func whenWritten(to stream: StreamConnection, _ body: @escaping @Sendable (Bool) -> Void) {
        let alarm = loop.eventLoop.assumeIsolated().scheduleTask(in: Self.readingTime) {
            self.host.logger.info("a client does not read", metadata: ["session": "\(self.jid)"])
            stream.close(.connectionTimeout)
        }
        stream.whenWritten { [loop] isWritten in
            alarm.cancel()
            loop.eventLoop.execute { body(isWritten) }
        }
    }

    /// Lets `body` send something in a transaction, on the session's loop, when there is room for it, and waits until the
    /// connection has taken all that was sent, or it is kept until the client has acknowledged it. `false`: the session is
    /// over, and something may not have been; or it has neither a connection nor room.
    ///
    /// - Parameter changes: what is void once the session keeps what was sent: committed in one group with that.
    public func write(
        committing changes: [StorageChange] = [], _ body: @escaping @Sendable (StanzaTransaction) -> Void
    ) async -> Bool {
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                var isSent = false
                let sendAll = {
                    guard !isSent else { return false }
                    isSent = true
                    let transaction = StanzaTransaction()
                    body(transaction)
                    if self.outbox?.resumption != nil { self.host.store(transaction.changes + changes) }
                    return true
                }
                self.send(
                    Batch(sendNext: sendAll, needsConnection: true) { isSent in
                        guard isSent else { return continuation.resume(returning: false) }
                        self.whenAllIsWritten { continuation.resume(returning: $0) }
                    })
            }
        }
    }

    private func whenAllIsWritten(_ body: @escaping @Sendable (Bool) -> Void) {
        if let outbox, outbox.isCounting { return body(true) }
        guard let stream else { return body(false) }
        whenWritten(to: stream) { isWritten in
            guard isWritten, self.outbox?.hasUnwritten == true else { return body(isWritten) }
            self.whenAllIsWritten(body)
        }
    }
}
