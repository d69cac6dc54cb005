import Foundation
import SQLiteStorage
import XMPP
import XMPPServer

/// Appends archive entries until it is killed, and prints the id of each when its commit is reported.
///
/// Each message is one group of two entries, one for each side. The test of what survives a kill starts it.
@main
struct StorageCrashWriter {
    private static let inFlight = DispatchSemaphore(value: 200)

    static func main() async throws {
        guard CommandLine.arguments.count == 2, let mary = JID("mary@example.com"), let bob = JID("bob@example.com")
        else { return print("usage: StorageCrashWriter DATABASE") }
        let storage = try SQLiteStorage(path: CommandLine.arguments[1])
        append(to: storage, ids: try await ArchiveIDGenerator(storage: storage), mary, bob)
    }

    private static func append(to storage: SQLiteStorage, ids: ArchiveIDGenerator, _ mary: JID, _ bob: JID) -> Never {
        while true {
            inFlight.wait()
            ids.submitting(at: .now()) { next in
                let id = next()
                let group = [entry(id, id, owner: mary, peer: bob), entry(next(), id, owner: bob, peer: mary)]
                storage.submit(group.map { .append($0) }) { result in report(id, result) }
            }
        }
    }

    /// - Parameter message: the id of the first of the two entries.
    private static func entry(_ id: ArchiveID, _ message: ArchiveID, owner: JID, peer: JID) -> ArchiveEntry {
        ArchiveEntry(
            id: id,
            collection: ArchiveEntry.archive,
            owner: owner,
            peer: peer,
            isIncoming: true,
            time: .now(),
            stanza: Array("<message><body>\(message.rawValue)</body></message>".utf8)
        )
    }

    private static func report(_ id: ArchiveID, _ result: Result<Void, StorageError>) {
        // One write for each line: what is in the pipe outlives the process, a half line cannot be.
        if case .success = result { FileHandle.standardOutput.write(Data("\(id.rawValue)\n".utf8)) }
        inFlight.signal()
    }
}
