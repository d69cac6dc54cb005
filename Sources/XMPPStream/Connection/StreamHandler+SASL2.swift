import NIOCore
import XML
import XMPP

/// The effects of a sign-in by XEP-0388.
extension StreamHandler {
    func writeAuthentication(
        _ settings: NegotiationSettings, _ binding: ChannelBinding, to writer: inout XMLWriter
    ) {
        writer.element("authentication", .sasl2) { writer in
            for mechanism in settings.mechanisms where !mechanism.needsChannelBinding || !binding.data.isEmpty {
                writer.element("mechanism", text: mechanism.rawValue)
            }
            writer.element("inline") { writer in
                delegate.writeInlineFeatures(of: settings.domain, to: &writer)
            }
        }
    }

    /// Does what was asked for with a sign-in that has succeeded, and then says so.
    ///
    /// - Parameter data: the mechanism's last word.
    func finish(_ request: AuthenticationRequest, data: [UInt8]?) {
        guard let account = machine.signedIn, let domain = settings?.domain else { return close(.internalServerError) }
        userAgent = request.userAgent
        if let target = machine.redirectAfterSignIn {
            succeed(data, as: account) { _ in }
            machine.closeStarted()
            return redirect(to: target)
        }
        wait({ [delegate] in await delegate.open(account, domain: domain) }) { handler, opened in
            switch opened {
            case .success(let opened):
                handler.delegate.negotiate(request, opened, on: handler) { outcome in
                    handler.finish(outcome, as: account, data: data)
                }
            case .failure:
                handler.run(handler.machine.signInFailed())
            }
        }
    }

    private func finish(_ outcome: InlineOutcome, as account: JID, data: [UInt8]?) {
        guard !machine.isClosing, !hasEnded else { return }
        succeed(data, as: outcome.session?.jid ?? account, outcome.write)
        machine.signInFinished(isBound: outcome.session != nil)
        raiseLimits()
        if let session = outcome.session { begin(session) }
        sendFeatures(.authenticated)
        outcome.then?()
    }

    private func succeed(_ data: [UInt8]?, as jid: JID, _ content: (inout XMLWriter) -> Void) {
        write { writer in
            writer.element("success", .sasl2) { writer in
                if let data { writer.element("additional-data", text: Base64.encode(data)) }
                writer.element("authorization-identifier", text: jid.string)
                content(&writer)
            }
        }
    }
}

/// What became of what a client asked for within its sign-in, XEP-0388 §2.6.1.
public struct InlineOutcome {
    /// The session that the stream goes on with; nil: the client has to bind a resource.
    public var session: (any StreamSession)?
    /// Writes the answers into `<success/>`.
    public var write: (inout XMLWriter) -> Void
    /// Called when the success and the features behind it have been written.
    public var then: (() -> Void)?

    public init(
        session: (any StreamSession)? = nil,
        write: @escaping (inout XMLWriter) -> Void = { _ in },
        then: (() -> Void)? = nil
    ) {
        self.session = session
        self.then = then
        self.write = write
    }
}
