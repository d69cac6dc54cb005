import Synchronization
import XMPPStream

/// The hosts' certificates, for streams and for the web. New connections use those that were read last; existing ones
/// keep theirs.
public final class Certificates: Sendable {
    /// Certificates that were read from files, and are consistent.
    struct Contexts: Sendable {
        let streams: TLSContext
        let web: TLSContext
    }

    /// Shared by all contexts, as a handshake may begin under one and end under another.
    private let exporter = TLSExporter()
    private let current = Mutex<Contexts?>(nil)

    /// For streams; nil: no host has a certificate.
    public var streams: TLSContext? { current.withLock { $0?.streams } }
    /// For HTTP connections; nil: no host has a certificate.
    public var web: TLSContext? { current.withLock { $0?.web } }

    /// Reads the hosts' files. They are not in use yet.
    ///
    /// - Returns: nil if no host has a certificate.
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

    /// The hosts whose certificates differ from those in use.
    func changes(in contexts: Contexts?) -> [ConfigurationChange] {
        let shown = streams?.identities ?? []
        return (contexts?.streams.identities ?? []).filter { new in
            shown.contains { $0.domain == new.domain && $0.leaf != new.leaf }
        }.map {
            ConfigurationChange(
                place: "hosts.\($0.domain).certificate", change: "another certificate", effect: .connections)
        }
    }

    /// Puts certificates into use.
    func use(_ contexts: Contexts?) { current.withLock { $0 = contexts } }
}
