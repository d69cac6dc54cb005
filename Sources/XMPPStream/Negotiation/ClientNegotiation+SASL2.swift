import XML
import XMPP

/// Actions of a sign-in by XEP-0388.
extension ClientNegotiation {
    func writeAuthentication(
        _ mechanisms: [SASLMechanism], _ settings: NegotiationSettings, _ host: any StreamHost,
        _ binding: ChannelBinding, to writer: inout XMLWriter
    ) {
        writer.element("authentication", .sasl2) { writer in
            for mechanism in mechanisms { writer.element("mechanism", text: mechanism.rawValue) }
            writer.element("inline") { writer in
                if settings.offersFAST {
                    // XEP-0484 §3.1; early data is not offered.
                    writer.element("fast", .fast) { writer in
                        for mechanism in FASTMechanism.allCases where mechanism.isUsable(binding) {
                            writer.element("mechanism", text: mechanism.rawValue)
                        }
                    }
                }
                host.writeInlineFeatures(to: &writer)
            }
            for hash in SCRAMHash.allCases where mechanisms.contains(where: { $0.scramHash == hash }) {
                writer.element("upgrade", .saslUpgrade, text: SASLUpgrade.name(hash))
            }
        }
    }

    /// XEP-0509 §2.2
    func refuseOutdated() {
        connection.write { writer in
            writer.element("failure", .sasl2) { writer in
                writer.element("aborted", .sasl)
                writer.element("config-version-mismatch", .pipelining)
            }
        }
        endUnlessMoreTries()
    }

    // MARK: Success

    /// Continues after a successful exchange: tasks, then the requests within the sign-in, then the success.
    ///
    /// - Parameter data: the mechanism's additional data.
    func continueSignIn(_ request: AuthenticationRequest, data: [UInt8]?) {
        if let target = machine.redirectAfterSignIn, let client = machine.client {
            succeed(data, as: client.jid) { _ in }
            return connection.redirect(to: target, within: delegate.redirectTime)
        }
        withAccount { [self] opened in
            guard case .success(let account) = opened else { return run(machine.signInFailed()) }
            if let client = machine.client, client.token == nil, client.installation == nil, !request.upgrades.isEmpty {
                let wanted = account.missingKeys(among: request.upgrades)
                let task = machine.upgradeWanted(wanted.hashes, iterations: wanted.iterations, data: data)
                if let task { return run(task) }
            }
            finish(request, account, data: data)
        }
    }

    private func finish(_ request: AuthenticationRequest, _ account: any StreamAccount, data: [UInt8]?) {
        account.negotiate(request, on: stream) { [self, connection = stream.connection] outcome in
            guard !connection.isClosing, let client = machine.client, let settings else { return }
            succeed(data, as: outcome.session?.jid ?? client.jid, outcome.write)
            machine.signInFinished(isBound: outcome.session != nil)
            connection.raiseLimits(settings.connection)
            if let session = outcome.session { begin(session) }
            // XEP-0198, Inline Resumption: a resumed session continues at once.
            if !outcome.isResumption { sendFeatures(.authenticated) }
            outcome.then?()
        }
    }

    private func succeed(_ data: [UInt8]?, as jid: JID, _ content: (inout XMLWriter) -> Void) {
        connection.write { writer in
            writer.element("success", .sasl2) { writer in
                if let data { writer.element("additional-data", text: Base64.encode(data)) }
                writer.element("authorization-identifier", text: jid.string)
                content(&writer)
            }
        }
    }

    // MARK: Tasks, XEP-0480

    func askForTask(_ hash: SCRAMHash, _ data: [UInt8]?) {
        connection.write { writer in
            writer.element("continue", .sasl2) { writer in
                if let data { writer.element("additional-data", text: Base64.encode(data)) }
                writer.element("tasks") { $0.element("task", text: SASLUpgrade.name(hash)) }
            }
        }
    }

    func sendSalt(_ salt: [UInt8], _ iterations: Int) {
        connection.write { writer in
            writer.element("task-data", .sasl2) { writer in
                writer.element("salt", .scramUpgrade, ["iterations": String(iterations)], text: Base64.encode(salt))
            }
        }
    }

    func keep(_ credential: SCRAMCredential) {
        guard let account = machine.client?.account, let request = machine.request else {
            return connection.close(.internalServerError)
        }
        connection.wait(account.keep(credential)) { [self] result in
            guard let action = machine.taskEnded(result) else { return finish(request, account, data: nil) }
            run(action)
        }
    }
}
