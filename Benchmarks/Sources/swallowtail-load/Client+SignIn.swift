import NIOCore

/// From the stream's header to a bound resource with roster and presence (RFC 6120 §4 to §7, RFC 6121 §2.2 and §4.2).
extension Client {
    var name: String { fleet.target.name(of: user) }

    func writeHeader() {
        write(
            "<?xml version='1.0'?><stream:stream to='\(fleet.target.domain)' version='1.0' xml:lang='en' "
                + "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
    }

    func signIn(_ stanza: ReceivedStanza) {
        if stanza.isNamed("stream:error") || stanza.isNamed("failure") {
            fleet.complain("\(name): \(stanza.excerpt)")
            return end()
        }
        switch state {
        case .awaitingFeatures where stanza.isNamed("stream:features"):
            featuresReceived(stanza)
        case .awaitingProceed where stanza.isNamed("proceed"):
            startAnew()
            startTLS()
            state = .awaitingFeatures
            writeHeader()
        case .authenticating where stanza.isNamed("challenge"):
            challenged(stanza)
        case .authenticating where stanza.isNamed("success"):
            succeeded(stanza)
        case .awaitingFeaturesAgain where stanza.isNamed("stream:features"):
            // Servers of RFC 3921 insist on a session, those of today say that it is optional.
            mustAskForSession = stanza.contains("<session") && !stanza.contains("<optional")
            state = .binding
            write(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    + "<resource>load</resource></bind></iq>")
        case .binding where stanza.isNamed("iq") && stanza.attribute("id", is: "bind"):
            bound(stanza)
        case .arriving where stanza.isNamed("iq") && stanza.attribute("id", is: "ready"):
            becameReady()
        case .registering where stanza.isNamed("iq") && stanza.attribute("id", is: "register"):
            fleet.work?.received(stanza, by: self)
            close()
        default:
            break
        }
    }

    private func featuresReceived(_ features: ReceivedStanza) {
        if fleet.target.transport == .starttls, state == .awaitingFeatures, features.contains("<starttls") {
            state = .awaitingProceed
            return write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        }
        if fleet.registers {
            state = .registering
            return write(
                "<iq type='set' id='register' to='\(fleet.target.domain)'><query xmlns='jabber:iq:register'>"
                    + "<username>\(name)</username><password>\(fleet.target.secret(of: user))</password></query></iq>")
        }
        let mechanism = fleet.target.mechanism
        var initial: String
        switch mechanism {
        case .plain:
            initial = Base64Text.encode(Array("\0\(name)\0\(fleet.target.secret(of: user))".utf8))
        case .scramSHA1, .scramSHA256:
            let scram = SCRAMClient(
                user: name, password: fleet.target.secret(of: user), mechanism: mechanism, cache: fleet.saltedPasswords)
            self.scram = scram
            initial = Base64Text.encode(Array(scram.first.utf8))
        case .messengerOAuth2:
            initial = fleet.target.secret(of: user)
        }
        state = .authenticating
        write(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='\(mechanism.rawValue)'>\(initial)</auth>")
    }

    private func challenged(_ challenge: ReceivedStanza) {
        guard let text = challenge.text(in: "<challenge"), let message = Base64Text.decode(text),
            let answer = scram?.answer(to: String(decoding: message, as: UTF8.self))
        else {
            fleet.complain("\(name): a challenge that SCRAM does not have: \(challenge.excerpt)")
            return end()
        }
        write(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\(Base64Text.encode(Array(answer.utf8)))</response>")
    }

    private func succeeded(_ success: ReceivedStanza) {
        if let scram {
            let final = success.text(in: "<success").flatMap(Base64Text.decode) ?? []
            guard scram.verifies(final) else {
                fleet.complain("\(name): the server's SCRAM signature is not right")
                return end()
            }
            self.scram = nil
        }
        startAnew()
        state = .awaitingFeaturesAgain
        writeHeader()
    }

    private func bound(_ result: ReceivedStanza) {
        guard result.text(in: "<jid") != nil else {
            fleet.complain("\(name): nothing was bound: \(result.excerpt)")
            return end()
        }
        if mustAskForSession {
            write("<iq type='set' id='session'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
        }
        state = .arriving
        write(
            "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>\(fleet.capabilities.presence)"
                + "<iq type='get' id='ready' to='\(fleet.target.domain)'><ping xmlns='urn:xmpp:ping'/></iq>")
    }
}
