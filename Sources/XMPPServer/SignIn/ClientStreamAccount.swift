import XMPP
import XMPPStream

/// An account as the stream of a client that signs in sees it.
struct ClientStreamAccount: StreamAccount {
    let host: Host
    let account: OpenedAccount

    /// Records the use of a device token. False: it is void.
    func use(_ token: Device.Token, of device: String, count: Int?) -> Bool {
        account.record.use(token, of: device, count: count, secrets: account.secrets)
    }

    func missingKeys(among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int) {
        let settings = host.configuration.authentication
        let known = account.record.credentials.map(\.hash)
        let missing = hashes.filter { hash in
            !known.contains(hash) && settings.mechanisms.contains { $0.scramHash == hash }
        }
        return (missing, settings.scramIterations)
    }

    func keep(_ credential: SCRAMCredential) -> Eventual<Result<Void, SASLFailure>> {
        .later { await host.add(credential, to: account) }
    }

    func bind(resource: String?, on stream: ClientStream) -> Result<any StreamSession, StanzaError> {
        host.bind(account, resource: resource, on: stream).map { $0 }
    }

    func negotiate(
        _ request: AuthenticationRequest, on stream: ClientStream, then: @escaping (InlineOutcome) -> Void
    ) {
        InlineNegotiation(host: host, account: account, request: request, stream: stream, then: then).start()
    }
}

extension Host {
    /// The account as it is now.
    func streamAccount(_ record: AccountRecord) -> ClientStreamAccount {
        ClientStreamAccount(host: self, account: OpenedAccount(record))
    }
}
