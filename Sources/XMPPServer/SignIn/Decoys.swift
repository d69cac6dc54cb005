import Synchronization
import XMPP
import XMPPStream

/// Credentials for accounts that do not exist. Recently asked names are remembered, so that a second request takes no
/// longer than one for an account in memory.
final class Decoys: Sendable {
    private struct Key: Hashable {
        let jid: JID
        let hash: SCRAMHash
    }

    private struct Entry {
        let credential: SCRAMCredential
        let until: Timestamp
    }

    private static let capacity = 4096
    /// In milliseconds. The account may be made meanwhile.
    private static let time: Int64 = 30_000

    private let secret: [UInt8]
    private let entries = Mutex<[Key: Entry]>([:])

    /// - Parameter secret: derives the salts; never changes for a store.
    init(secret: [UInt8]) { self.secret = secret }

    func credential(_ user: String, _ hash: SCRAMHash, _ host: Host) -> SCRAMCredential {
        SCRAMCredential.decoy(
            user: user, hash: hash, secret: secret, iterations: host.configuration.authentication.scramIterations)
    }

    /// The decoy of a name that did not exist a moment ago.
    func known(_ jid: JID, _ hash: SCRAMHash, now: Timestamp) -> SCRAMCredential? {
        entries.withLock { entries in
            guard let entry = entries[Key(jid: jid, hash: hash)], now < entry.until else { return nil }
            return entry.credential
        }
    }

    /// Remembers a name that does not exist.
    func note(_ jid: JID, _ host: Host, now: Timestamp) {
        let until = Timestamp(milliseconds: now.milliseconds + Self.time)
        let made = SCRAMHash.allCases.map { ($0, credential(jid.string, $0, host)) }
        entries.withLock { entries in
            if entries.count >= Self.capacity { entries = [:] }
            for (hash, credential) in made {
                entries[Key(jid: jid, hash: hash)] = Entry(credential: credential, until: until)
            }
        }
    }

    /// Forgets a name that exists now.
    func forget(_ jid: JID) {
        entries.withLock { entries in
            for hash in SCRAMHash.allCases { entries[Key(jid: jid, hash: hash)] = nil }
        }
    }
}
