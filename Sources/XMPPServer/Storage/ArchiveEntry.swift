import XMPP

/// One stanza in an owner's archive.
public struct ArchiveEntry: Sendable, Equatable {
    /// The entry's id; unique for its owner and collection.
    public let id: ArchiveID
    /// The collection: `ArchiveEntry.archive`, `ArchiveEntry.offline`, or one of a module's own.
    public let collection: String
    /// The bare JID of the archive's owner.
    public let owner: JID
    /// The bare JID of the other side.
    public let peer: JID
    /// Whether the owner received the stanza; false: the owner sent it.
    public let isIncoming: Bool
    /// When the server handled the stanza, by its clock. It is never later than the time in the id, but may be earlier,
    /// and earlier than that of the entry before: entries are in the order of their ids, which is the order of arrival
    /// even if the clock jumped.
    public let time: Timestamp
    /// The stanza as XML, complete with its namespaces.
    public let stanza: [UInt8]

    /// The collection of an account's messages.
    public static let archive = "archive"
    /// The collection of messages stored offline.
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
