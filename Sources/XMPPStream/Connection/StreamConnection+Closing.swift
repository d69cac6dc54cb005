import NIOCore
import XML
import XMPP

/// Closing a stream, RFC 6120 §4.4 and §4.9.
extension StreamConnection {
    /// How long to wait for the peer's closing tag before the connection is cut.
    static let closingTime: TimeAmount = .seconds(2)

    /// Closes the stream with an error, in any state; nil: with the closing tag only.
    public func close(_ error: StreamError?) {
        switch phase {
        case .closing, .ended: return
        // There can be one error in a stream, and it was sent already.
        case .redirected: return finishClosing()
        case .open: break
        }
        if !negotiation.hasOpenStream { negotiation.answerHeader() }
        endStream(error)
    }

    func endStream(_ error: StreamError?) {
        if let error {
            write { error.write(to: &$0) }
        }
        appendRaw("</stream:stream>")
        flush()
        phase = .closing
        endSession(error.map { .error($0) } ?? .closed)
        setDeadline(.closing, in: Self.closingTime)
        readOn()
    }

    /// Redirects the client, which must close first: a client whose connection ends before it has reacted to the error
    /// does not follow it.
    ///
    /// - Parameter time: how long that may take.
    func redirect(to target: String, within time: Duration) {
        write { StreamError(.seeOtherHost(target)).write(to: &$0) }
        phase = .redirected
        setDeadline(.redirect, in: TimeAmount(time))
    }

    func closedByPeer() {
        guard phase == .open else { return finishClosing() }
        session?.streamCloses()
        appendRaw("</stream:stream>")
        phase = .closing
        endSession(.closed)
        disconnectWhenWritten()
    }

    /// The peer has closed, or its time is over.
    func finishClosing() {
        if phase == .redirected { appendRaw("</stream:stream>") }
        disconnectWhenWritten()
    }

    private func endSession(_ reason: StreamEnd) {
        let session = exchange(&session, with: nil)
        session?.streamEnded(reason)
    }

    /// Closes the connection when all output is written, or its time is over: closing drops output that the system has
    /// not taken.
    func disconnectWhenWritten() {
        guard !hasEnded, let context else { return }
        ended(.closed)
        let written = eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.disconnect() }
        setDeadline(.closing, in: Self.closingTime)
        writeOutput(context, promise: written)
    }

    func disconnect() {
        ended(.closed)
        deadline = nil
        context?.close(promise: nil)
    }

    func appendRaw(_ text: StaticString) {
        append(ByteBuffer(staticString: text))
    }
}
