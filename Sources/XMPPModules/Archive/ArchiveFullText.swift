import XMPPServer

/// XEP-0431: Full Text Search in MAM: searches for words in archives.
///
/// Messages are indexed in groups, some time after they were archived, so that no sender waits for it. A search indexes
/// the rest first.
struct ArchiveFullText: ServerModule {
    static let info = ModuleInfo(
        "full-text", implements: [.xep(431, "0.2.0")], requires: ["mam"],
        summary: "People look for words in their archives.")

    static let field = "{urn:xmpp:fulltext:0}fulltext"

    /// The number of messages indexed in one commit.
    private static let groupCount = 250
    /// The number of such commits in one run of the job.
    private static let groups = 40

    private let host: Host

    static let namespace: Namespace = "urn:xmpp:fulltext:0"

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.accountFeature(Self.namespace)
        registrar.job(every: .seconds(5)) { [host] in
            do throws(StorageError) {
                for domain in Self.domains(of: host) { _ = try await Self.index(domain, host, groups: Self.groups) }
            } catch {
                _ = host.report(error)
            }
        }
    }

    /// The host's domain, and those of its services whose archives can be searched.
    private static func domains(of host: Host) -> [JID] {
        [host.jid] + host.services.filter { $0.declarations?.features.contains(namespace) == true }.map(\.domain)
    }

    /// Indexes messages up to now: those in all archives of a domain.
    ///
    /// - Parameter address: an address of the domain.
    /// - Returns: whether that took at most `groups` commits.
    static func index(_ address: JID, _ host: Host, groups: Int = 4 * groups) async throws(StorageError) -> Bool {
        let frontier = host.archiveIDs.frontier(ofHost: address)
        await host.storage.flush()
        for _ in 0..<groups {
            if try await host.storage.indexArchive(host: address.domain, before: frontier, atMost: groupCount) {
                return true
            }
        }
        return false
    }
}
