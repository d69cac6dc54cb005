import NIOCore
import XML
import XMPP

/// The end of a stream, RFC 6120 §4.4 and §4.9.
extension StreamConnection {
    /// How long we wait for the peer's closing tag before the connection is cut.
    static let closingTime: TimeAmount = .seconds(2)

    /// Ends the stream with an error, whatever state it is in. `nil`: with the closing tag alone.
    public func close(_ error: StreamError?) {
        switch phase {
        case .closing, .ended: return
        // There can be one error in a stream, and this one has had it.
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

    /// Sends the client elsewhere. It must close first: a client that finds the connection gone before it has reacted
    /// to the error does not follow it.
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

    /// The peer has closed, or had its time to.
    func finishClosing() {
        if phase == .redirected { appendRaw("</stream:stream>") }
        disconnectWhenWritten()
    }

    private func endSession(_ reason: StreamEnd) {
        let session = exchange(&session, with: nil)
        session?.streamEnded(reason)
    }

    /// Ends the connection when all that is to be said has gone out, or has had its time to: closing drops what the
    /// system has not taken yet.
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
