import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A host for the streams of one listener.
final class ClientStreamHost: StreamHost {
    private let host: Host
    private let authenticator: Authenticator
    /// Shared by all streams.
    private let knownSettings: Mutex<KnownSettings>

    private struct KnownSettings {
        var settings: Shared<NegotiationSettings>
        var featuresVersion: Int
    }

    init(_ host: Host, _ settings: NegotiationSettings, authenticator: Authenticator) {
        self.host = host
        self.authenticator = authenticator
        knownSettings = Mutex(KnownSettings(settings: Shared(settings), featuresVersion: host.featuresVersion))
    }

    var settings: Shared<NegotiationSettings> {
        let authorizationServer = host.authorizationServer
        let mechanisms = host.mechanisms
        let featuresVersion = host.featuresVersion
        return knownSettings.withLock { known in
            let settings = known.settings.value
            if settings.authorizationServer != authorizationServer || settings.mechanisms != mechanisms
                || known.featuresVersion != featuresVersion
            {
                // They have changed, or become known.
                known = KnownSettings(
                    settings: Shared(settings.with(mechanisms, authorizationServer)), featuresVersion: featuresVersion)
            }
            return known.settings
        }
    }

    // MARK: Features and elements of modules

    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter) {
        host.writeFeatures(layer, to: &writer)
    }

    func writeInlineFeatures(to writer: inout XMLWriter) { host.writeInlineFeatures(to: &writer) }

    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool {
        host.received(element, layer, on: stream)
    }

    // MARK: Sign-in

    func credential(
        user: String, hash: SCRAMHash, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>> {
        authenticator.credential(user: user, hash: hash, host: host, from: IPAddress(address))
    }

    func test(user: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool {
        authenticator.test(user: user, host: host, from: IPAddress(address), test)
    }

    func verify(
        user: String, password: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>> {
        authenticator.verify(user: user, password: password, host: host, from: IPAddress(address))
    }

    func verify(token: String, from address: SocketAddress?) -> Eventual<Result<VerifiedToken, SASLFailure>> {
        authenticator.verify(token: token, host: host, from: IPAddress(address))
    }

    func verify(
        _ proof: TokenProof, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>> {
        authenticator.verify(proof, host: host, from: IPAddress(address))
    }

    func signInRefused(from address: SocketAddress?, _ failure: SASLFailure) {
        host.signIns.refused(failure, domain: host.domain, from: IPAddress(address))
    }

    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?) {
        host.signIns.succeeded(account, mechanism: mechanism, from: IPAddress(address))
    }

    func open(_ account: JID) -> Eventual<Result<any StreamAccount, StanzaError>> {
        if let record = host.accounts.cached(account) { return .now(.success(host.streamAccount(record))) }
        return .later { [host] in
            switch await host.find(account) {
            case .success(let record?): .success(host.streamAccount(record))
            case .success(nil): .failure(StanzaError(.notAuthorized))
            case .failure(let error): .failure(error)
            }
        }
    }
}
