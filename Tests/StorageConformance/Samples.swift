import Testing
import XMPP
import XMPPServer
import XMPPStream

/// Values to store.
enum Samples {
    static let noon = Timestamp(milliseconds: 1_335_434_400_000)

    static func jid(_ text: String) throws -> JID {
        try #require(JID(text))
    }

    static func account(_ jid: String, id: String? = nil, name: String = "") throws -> Account {
        Account(jid: try Samples.jid(jid), accountID: id, displayName: name, createdAt: noon)
    }

    static func credential(_ hash: SCRAMHash, iterations: Int = 10_000) throws -> SCRAMCredential {
        let credential = SCRAMCredential(
            hash: hash,
            salt: [1, 0, 255],
            iterations: iterations,
            storedKey: Array(repeating: 7, count: hash.byteCount),
            serverKey: Array(repeating: 8, count: hash.byteCount)
        )
        return try #require(credential)
    }

    static func token(_ digest: UInt8, of account: String, at time: Timestamp = noon) throws -> Token {
        Token(
            digest: Array(repeating: digest, count: 32),
            account: try jid(account),
            scopes: ["wl.messenger"],
            createdAt: time
        )
    }

    static func entry(
        _ id: Int64,
        owner: String = "mary@example.com",
        peer: String = "bob@example.com",
        collection: String = ArchiveEntry.archive,
        isIncoming: Bool = true,
        time: Timestamp? = nil,
        stanza: String = "<message/>"
    ) throws -> ArchiveEntry {
        ArchiveEntry(
            id: ArchiveID(rawValue: id),
            collection: collection,
            owner: try jid(owner),
            peer: try jid(peer),
            isIncoming: isIncoming,
            time: time ?? Timestamp(milliseconds: noon.milliseconds + id % 1_000),
            stanza: Array(stanza.utf8)
        )
    }
}
