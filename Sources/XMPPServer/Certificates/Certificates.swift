import Synchronization
import XMPPStream

/// The certificates of the hosts, for streams and for the web alike. Each new connection is shown those that were read last;
/// one that has begun keeps what it was shown.
public final class Certificates: Sendable {
    /// What was read from the files, and fits together.
    struct Contexts: Sendable {
        let streams: TLSContext
        let web: TLSContext
    }

    /// One for all contexts: a handshake may begin under one and end when there is another.
    private let exporter = TLSExporter()
    private let current = Mutex<Contexts?>(nil)

    /// What streams show; `nil`: no host has a certificate.
    public var streams: TLSContext? { current.withLock { $0?.streams } }
    /// What connections of HTTP show; `nil`: no host has a certificate.
    public var web: TLSContext? { current.withLock { $0?.web } }

    /// Reads the files of the hosts. Nothing is shown of it yet.
    ///
    /// - Returns: `nil` if no host has a certificate.
    func read(_ hosts: [HostConfiguration]) throws(ServerError) -> Contexts? {
        var identities: [TLSContext.Identity] = []
        for host in hosts {
            guard let certificate = host.certificate, let key = host.key else { continue }
            do {
                identities.append(try TLSContext.Identity(domain: host.domain, certificate: certificate, key: key))
            } catch {
                throw ServerError("cannot read the certificate of \(host.domain) or its key: \(error)")
            }
        }
        guard !identities.isEmpty else { return nil }
        do {
            return Contexts(
                streams: try TLSContext(identities, for: .streams, exporter),
                web: try TLSContext(identities, for: .web, exporter))
        } catch {
            throw ServerError("cannot use a certificate or its key: \(error)")
        }
    }

    /// The hosts that have another certificate in what was read than the one that is shown.
    func changes(in contexts: Contexts?) -> [ConfigurationChange] {
        let shown = streams?.identities ?? []
        return (contexts?.streams.identities ?? []).filter { new in
            shown.contains { $0.domain == new.domain && $0.leaf != new.leaf }
        }.map {
            ConfigurationChange(
                place: "hosts.\($0.domain).certificate", change: "another certificate", effect: .connections)
        }
    }

    /// Shows these from now on.
    func use(_ contexts: Contexts?) { current.withLock { $0 = contexts } }
}
