import XML
import XMPP

@testable import XMPPStream

/// A state machine driven from a test, with every action as a line of text.
final class ScriptedNegotiation {
    private var machine: StreamStateMachine
    private let hosts: [NegotiationSettings]

    init(_ hosts: NegotiationSettings..., layer: StreamStateMachine.Layer = .plain) {
        machine = StreamStateMachine(layer: layer)
        self.hosts = hosts
    }

    var isBound: Bool { machine.isBound }
    var isClosing: Bool { machine.isClosing }
    var hasOpenStream: Bool { machine.hasOpenStream }
    var mayTryAgain: Bool { !machine.isClosing }
    var client: StreamStateMachine.SignedIn? { machine.client }
    var signedIn: String? { machine.client?.jid.string }

    func header(_ to: String = "example.org", version: String? = "1.0") -> String {
        let settings = hosts.first { $0.domain == to }.map { Shared($0) }
        switch machine.headerReceived(StreamHeader(to: to, version: version), settings: settings) {
        case .openStream(let layer): return "open \(layer)"
        case .openStreamThenRedirect(let target): return "redirect \(target)"
        case .openStreamThenClose(let error): return "close \(error.condition.name)"
        case .ignore: return "ignore"
        }
    }

    func element(_ text: String) -> String {
        guard let element = try? Element(parsing: text, contentNamespace: .client) else { return "not XML" }
        switch machine.elementReceived(element) {
        case .startTLS: return "start TLS"
        case .refuseTLS: return "refuse TLS"
        case .signIn(let action): return ScriptedAuthentication.describe(action)
        case .bind(let id, let resource): return "bind \(id) \(resource ?? "-")"
        case .offerToModules(let element, let layer, let error):
            return "modules \(element.name) \(layer), else \(error.condition.name)"
        case .refuseBind(let id, let error): return "refuse bind '\(id)' \(error.condition.rawValue)"
        case .refuseOutdated: return "refuse outdated"
        case .close(let error): return "close \(error.condition.name)"
        case .ignore: return "ignore"
        }
    }

    func auth(_ mechanism: SASLMechanism, message: String) -> String {
        element("<auth xmlns='\(Namespace.sasl)' mechanism='\(mechanism.rawValue)'>\(Self.base64(message))</auth>")
    }

    func response(_ message: String) -> String {
        element("<response xmlns='\(Namespace.sasl)'>\(Self.base64(message))</response>")
    }

    /// Romeo signs in with his password.
    func signIn() -> String {
        let asked = auth(.plain, message: "\0romeo\0wherefore")
        return asked == "password romeo wherefore" ? answer(.verified("romeo")) : asked
    }

    func answer(_ answer: StreamStateMachine.SignInAnswer) -> String {
        machine.lookUpAnswered(answer).map(ScriptedAuthentication.describe) ?? "nothing"
    }

    func finished(isBound: Bool) { machine.signInFinished(isBound: isBound) }
    func failed() -> String { ScriptedAuthentication.describe(machine.signInFailed()) }
    func featuresSent(version: String) { machine.featuresSent(version: version) }

    func upgrade(_ hashes: [SCRAMHash], data: [UInt8]? = nil) -> String {
        machine.upgradeWanted(hashes, iterations: 4096, data: data).map(ScriptedAuthentication.describe) ?? "nothing"
    }

    func taskEnded(_ result: Result<Void, SASLFailure> = .success(())) -> String {
        machine.taskEnded(result).map(ScriptedAuthentication.describe) ?? "finish"
    }

    func tlsEstablished(_ binding: ChannelBinding = ChannelBinding()) { machine.tlsEstablished(binding) }
    func resourceBound() { machine.resourceBound() }
    func bindRefused() { machine.bindRefused() }

    private static func base64(_ message: String) -> String { Base64.encode(Array(message.utf8)) }
}

extension StreamStateMachine.SignInAnswer {
    static func verified(_ user: String) -> StreamStateMachine.SignInAnswer {
        .password(VerifiedPassword(user: user, account: ScriptedAccount()))
    }

    static func keys(_ credential: SCRAMCredential) -> StreamStateMachine.SignInAnswer {
        .credential(FoundCredential(credential, of: nil))
    }
}

/// An account that nobody asks.
struct ScriptedAccount: StreamAccount {
    func missingKeys(among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int) { ([], 0) }
    func keep(_ credential: SCRAMCredential) -> Eventual<Result<Void, SASLFailure>> { .now(.success(())) }
    func bind(resource: String?, on stream: ClientStream) -> Result<any StreamSession, StanzaError> {
        .failure(.internalServerError)
    }
    func negotiate(
        _ request: AuthenticationRequest, on stream: ClientStream, then: @escaping (InlineOutcome) -> Void
    ) {}
}

extension NegotiationSettings {
    static func example(
        _ domain: String = "example.org", mechanisms: [SASLMechanism] = [.scramSHA256, .plain],
        _ change: (inout NegotiationSettings) -> Void = { _ in }
    ) -> NegotiationSettings {
        var settings = NegotiationSettings(domain: domain, mechanisms: mechanisms)
        change(&settings)
        return settings
    }
}

/// Elements that a client may send where they do not belong.
enum Samples {
    static let startTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    static let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdoZXJlZm9yZQ==</auth>"
    static let response = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AHJvbWVvAHdoZXJlZm9yZQ==</response>"
    static let abort = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    static let success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    static let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    static let bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    static let roster = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"
    static let message = "<message to='juliet@example.org'><body>x</body></message>"
    static let presence = "<presence/>"
    static let compress = "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"
    static let acknowledgement = "<r xmlns='urn:xmpp:sm:3'/>"
    static let streamError = "<error xmlns='http://etherx.jabber.org/streams'/>"
    static let unknown = "<x xmlns='urn:example:x'/>"

    static let all = [
        startTLS, auth, response, abort, success, proceed, bind, roster, message, presence, compress, acknowledgement,
        streamError, unknown,
    ]
}
