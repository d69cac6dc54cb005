import XMPP

/// One stanza in an owner's archive.
public struct ArchiveEntry: Sendable, Equatable {
    /// The entry's id; unique for its owner and collection.
    public let id: ArchiveID
    /// The collection: `ArchiveEntry.archive`, `ArchiveEntry.offline`, or one of a module's own.
    public let collection: String
    /// The bare JID of whose archive this is.
    public let owner: JID
    /// The bare JID of the other side.
    public let peer: JID
    /// Whether the stanza came to the owner; false: it was sent by the owner.
    public let isIncoming: Bool
    /// When the server handled the stanza, by its clock. It is no later than what the id tells, but may be earlier, also than
    /// that of the entry before: entries are in the order of their ids, which is that of their arrival, whatever the clock did.
    public let time: Timestamp
    /// The stanza as XML, complete with its namespaces.
    public let stanza: [UInt8]

    /// The collection of what an account's people said, kept until removed.
    public static let archive = "archive"
    /// The collection of what waits for an account to come online (XEP-0160).
    public static let offline = "offline"

    /// An entry with the bare forms of `owner` and `peer`.
    public init(
        id: ArchiveID,
        collection: String,
        owner: JID,
        peer: JID,
        isIncoming: Bool,
        time: Timestamp,
        stanza: [UInt8]
    ) {
        self.id = id
        self.collection = collection
        self.owner = owner.bare
        self.peer = peer.bare
        self.isIncoming = isIncoming
        self.time = time
        self.stanza = stanza
    }
}
