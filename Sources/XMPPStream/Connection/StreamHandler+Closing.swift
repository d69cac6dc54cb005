import NIOCore
import XML
import XMPP

/// The end of a stream, RFC 6120 §4.4 and §4.9.
extension StreamHandler {
    /// How long we wait for the peer's closing tag before the connection is cut.
    static let closingTime: TimeAmount = .seconds(2)

    /// Ends the stream with an error, whatever state it is in. `nil`: with the closing tag alone.
    public func close(_ error: StreamError?) {
        guard !hasSentClose, !hasEnded else { return }
        // There can be one error in a stream, and this one has had it.
        guard !isAwaitingRedirectedClient else { return finishClosing() }
        if !machine.hasOpenStream {
            var bytes = ByteBuffer()
            StreamHeader.writeResponse(
                to: &bytes,
                id: SecureRandom.text(length: 16),
                from: settings?.domain ?? delegate.fallbackDomain,
                to: nil,
                language: "en"
            )
            append(bytes)
        }
        endStream(error)
    }

    func endStream(_ error: StreamError?) {
        if let error {
            write { error.write(to: &$0) }
        }
        appendRaw("</stream:stream>")
        flush()
        hasSentClose = true
        endSession(error.map { .error($0) } ?? .closed)
        setDeadline(.closing, in: Self.closingTime)
        readOn()
    }

    /// Sends the client elsewhere. It must close first: a client that finds the connection gone before it has reacted
    /// to the error does not follow it.
    func redirect(to target: String) {
        write { StreamError(.seeOtherHost(target)).write(to: &$0) }
        isAwaitingRedirectedClient = true
        setDeadline(.redirect, in: TimeAmount(delegate.redirectTime))
    }

    func closedByPeer() {
        switch machine.closeReceived() {
        case .answerAndDisconnect:
            session?.streamCloses()
            appendRaw("</stream:stream>")
            hasSentClose = true
            endSession(.closed)
            disconnectWhenWritten()
        case .disconnect:
            finishClosing()
        }
    }

    /// The peer has closed, or had its time to.
    func finishClosing() {
        if isAwaitingRedirectedClient { appendRaw("</stream:stream>") }
        disconnectWhenWritten()
    }

    private func endSession(_ reason: StreamEnd) {
        machine.closeStarted()
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
}
