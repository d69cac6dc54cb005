import Foundation
import Synchronization
import XMPPStream

/// The hosts' certificates, for streams and for the web. New connections use those that were read last; existing ones
/// keep theirs.
public final class Certificates: Sendable {
    /// Certificates that were read from files, and are consistent.
    struct Contexts: Sendable {
        let streams: TLSContext
        let web: TLSContext
        /// The versions of the files, as they were just before they were read.
        let files: [FileVersion]
    }

    /// What is different when a file was written anew or replaced.
    struct FileVersion: Sendable, Equatable {
        private let path: String
        private let number: UInt64?
        private let size: UInt64?
        private let changed: Date?

        /// - Returns: nil if there is no such file, or none that can be looked at: who reads it hears why. Of a link it is the
        ///   version of the file that it leads to.
        init?(_ path: String) {
            self.path = URL(filePath: path).resolvingSymlinksInPath().path
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: self.path) else { return nil }
            number = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
            size = (attributes[.size] as? NSNumber)?.uint64Value
            changed = attributes[.modificationDate] as? Date
        }
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
        // Before they are read: what is written meanwhile is seen as another version later.
        let files = Self.files(of: hosts)
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
                web: try TLSContext(identities, for: .web, exporter), files: files)
        } catch {
            throw ServerError("cannot use a certificate or its key: \(error)")
        }
    }

    private static func files(of hosts: [HostConfiguration]) -> [FileVersion] {
        hosts.flatMap { [$0.certificate, $0.key] }.compactMap { $0.flatMap(FileVersion.init) }
    }

    /// Whether the hosts' files are others than those that were read for the certificates in use.
    func areOutdated(for hosts: [HostConfiguration]) -> Bool {
        Self.files(of: hosts) != current.withLock { $0?.files ?? [] }
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
