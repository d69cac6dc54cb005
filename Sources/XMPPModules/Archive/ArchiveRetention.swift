import Synchronization
import XMPPServer

/// A job that removes messages beyond the limits of age and number from archives, oldest first.
///
/// A run examines some archives and continues where the previous one stopped. Removals go through the write queue in
/// small groups, so that others wait for at most one of them.
final class ArchiveRetention: Sendable {
    /// The number of archives examined per read, of reads per run, and of entries removed per run.
    private static let archives = 50
    private static let reads = 20
    private static let entries = 20_000

    struct Settings: Sendable, Equatable {
        let time: Duration
        let maximum: Int

        /// - Parameter owner: whose archives they are, as in "of an account".
        init(_ section: ConfigSection, of owner: String) {
            time = section.duration(
                "keep-time", default: .zero, in: .zero...(.seconds(36_525 * 86_400)),
                "How long messages stay in the archives; 0: until they are removed by their owners.")
            maximum = section.integer(
                "maximum-messages", default: 0, in: 0...100_000_000,
                "How many messages stay in the archive of \(owner), the newest of them; 0: any number.")
        }
    }

    private let host: Host
    private let domain: String
    private let settings: Settings
    /// The owner of the last examined archive.
    private let last = Mutex<JID?>(nil)

    /// - Parameter domain: that of the archives' owners: the host's, or a service's.
    init(_ host: Host, of domain: String, _ settings: Settings) {
        self.host = host
        self.domain = domain
        self.settings = settings
    }

    var isLimited: Bool { settings.time > .zero || settings.maximum > 0 }

    /// Removes what exceeds the limits, up to the bound of one run.
    func run() async {
        do throws(StorageError) {
            var budget = Self.entries
            let limits = ArchiveLimits(
                host: domain, collection: ArchiveEntry.archive, since: oldest,
                maximum: settings.maximum > 0 ? settings.maximum : nil)
            for _ in 0..<Self.reads {
                let page = try await host.storage.archivesOver(
                    limits, after: last.withLock { $0 }, atMost: Self.archives)
                for surplus in page.surplus {
                    var query = surplus
                    query.limit = budget
                    budget -= try await host.storage.removeArchived(query)
                    // The next run continues with this archive.
                    guard budget > 0 else { return }
                    last.withLock { $0 = surplus.owner }
                }
                last.withLock { $0 = page.last }
                guard page.last != nil else { return }
            }
        } catch {
            _ = host.report(error)
        }
    }

    private var oldest: Timestamp? {
        guard settings.time > .zero else { return nil }
        let (seconds, attoseconds) = settings.time.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return Timestamp(milliseconds: host.now().milliseconds - milliseconds)
    }
}
