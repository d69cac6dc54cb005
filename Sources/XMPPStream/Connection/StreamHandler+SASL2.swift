import NIOCore
import XML
import XMPP

/// The effects of a sign-in by XEP-0388.
extension StreamHandler {
    func writeAuthentication(
        _ mechanisms: [SASLMechanism], _ settings: NegotiationSettings, _ binding: ChannelBinding,
        to writer: inout XMLWriter
    ) {
        writer.element("authentication", .sasl2) { writer in
            for mechanism in mechanisms { writer.element("mechanism", text: mechanism.rawValue) }
            writer.element("inline") { writer in
                if settings.offersFAST {
                    // XEP-0484 §3.1; there is no early data, so nothing of it is announced.
                    writer.element("fast", .fast) { writer in
                        for mechanism in FASTMechanism.allCases where mechanism.isUsable(binding) {
                            writer.element("mechanism", text: mechanism.rawValue)
                        }
                    }
                }
                delegate.writeInlineFeatures(of: settings.domain, to: &writer)
            }
            for hash in SCRAMHash.allCases where mechanisms.contains(where: { $0.scramHash == hash }) {
                writer.element("upgrade", .saslUpgrade, text: SASLUpgrade.name(hash))
            }
        }
    }

    /// XEP-0509 §2.2
    func refuseOutdated() {
        write { writer in
            writer.element("failure", .sasl2) { writer in
                writer.element("aborted", .sasl)
                writer.element("config-version-mismatch", .pipelining)
            }
        }
        endUnlessMoreTries()
    }

    // MARK: Success

    /// Does what is left to do when the exchange has succeeded: tasks, then what was asked for with the sign-in, then the
    /// success is told.
    ///
    /// - Parameter data: the mechanism's last word.
    func goOn(_ request: AuthenticationRequest, data: [UInt8]?) {
        userAgent = request.userAgent
        if let target = machine.redirectAfterSignIn, let jid = machine.signedIn {
            succeed(data, as: jid) { _ in }
            machine.closeStarted()
            return redirect(to: target)
        }
        withAccount { handler, opened in
            guard case .success(let account) = opened else { return handler.run(handler.machine.signInFailed()) }
            if handler.token == nil, handler.installation == nil, !request.upgrades.isEmpty {
                let wanted = handler.delegate.missingKeys(of: account, among: request.upgrades)
                let task = handler.machine.upgradeWanted(wanted.hashes, iterations: wanted.iterations, data: data)
                if let task { return handler.run(task) }
            }
            handler.finish(request, account, data: data)
        }
    }

    private func finish(_ request: AuthenticationRequest, _ account: FoundAccount, data: [UInt8]?) {
        delegate.negotiate(request, account, on: self) { [self] outcome in
            guard !machine.isClosing, !hasEnded, let jid = machine.signedIn else { return }
            succeed(data, as: outcome.session?.jid ?? jid, outcome.write)
            machine.signInFinished(isBound: outcome.session != nil)
            raiseLimits()
            if let session = outcome.session { begin(session) }
            // XEP-0198, Inline Resumption: a session that goes on does so at once.
            if !outcome.isResumption { sendFeatures(.authenticated) }
            outcome.then?()
        }
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

    // MARK: Tasks, XEP-0480

    func askForTask(_ hash: SCRAMHash, _ data: [UInt8]?) {
        write { writer in
            writer.element("continue", .sasl2) { writer in
                if let data { writer.element("additional-data", text: Base64.encode(data)) }
                writer.element("tasks") { $0.element("task", text: SASLUpgrade.name(hash)) }
            }
        }
    }

    func sendSalt(_ salt: [UInt8], _ iterations: Int) {
        write { writer in
            writer.element("task-data", .sasl2) { writer in
                writer.element("salt", .scramUpgrade, ["iterations": String(iterations)], text: Base64.encode(salt))
            }
        }
    }

    func keep(_ credential: SCRAMCredential) {
        guard let account, let request = machine.request else { return close(.internalServerError) }
        wait(delegate.keep(credential, for: account)) { handler, result in
            guard let action = handler.machine.taskEnded(result) else {
                return handler.finish(request, account, data: nil)
            }
            handler.run(action)
        }
    }
}

/// What became of what a client asked for within its sign-in, XEP-0388 §2.6.1.
public struct InlineOutcome {
    /// The session that the stream goes on with; nil: the client has to bind a resource.
    public var session: (any StreamSession)?
    /// Whether that session goes on from another stream: then no features follow.
    public var isResumption: Bool
    /// Writes the answers into `<success/>`.
    public var write: (inout XMLWriter) -> Void
    /// Called when the success and the features behind it have been written.
    public var then: (() -> Void)?

    public init(
        session: (any StreamSession)? = nil,
        isResumption: Bool = false,
        write: @escaping (inout XMLWriter) -> Void = { _ in },
        then: (() -> Void)? = nil
    ) {
        self.session = session
        self.isResumption = isResumption
        self.write = write
        self.then = then
    }
}
