import XMPP
import XMPPStream

/// One change to the store. Changes are submitted in groups; see `CommitQueue.submit`.
///
/// Removing something that does not exist is no error. Putting replaces.
public enum StorageChange: Sendable {
    /// Adds an account with its credentials; `alreadyExists` if the JID, or the account id on that host, is taken. It
    /// owns nothing at first: anything stored for its JID, such as what was submitted after the removal of a former
    /// owner, is removed. The server adds accounts by `AccountTable.add`.
    case addAccount(Account, credentials: [SCRAMCredential])
    /// Changes the settings that the update names; `notFound` if there is no such account, `alreadyExists` if the new
    /// account id is taken.
    case updateAccount(JID, AccountUpdate)
    /// Removes an account and everything it owns: credentials, tokens, roster, archive, values and maps in every store.
    /// Copies of its messages in other archives stay. Values may also belong to an owner that is no account here. From
    /// the commit on nothing of it is visible, not even to the next owner of the name; the space of its archive may be
    /// freed later, in steps between other commits.
    case removeAccount(JID)
    /// Replaces all credentials of an account; `notFound` if there is no such account. Empty: it has no password any
    /// more.
    case setCredentials(JID, [SCRAMCredential])

    /// Adds a token; `notFound` if its account or its grant does not exist, `alreadyExists` if the digest is taken.
    case addToken(Token)
    /// Removes the token with the digest. Sessions opened with it are revoked; the same applies to the next case and to
    /// `removeGrant`.
    case removeToken(digest: [UInt8])
    /// Removes all tokens and grants of an account. All its sessions are revoked until they are put again.
    case removeTokens(JID)
    /// Records a use of the token, and of its grant.
    case noteUse(ofToken: [UInt8], at: Timestamp)
    /// Adds a grant; `notFound` if its account does not exist, `alreadyExists` if the id is taken.
    case addGrant(Grant)
    /// Replaces the current refresh token by the next; `notFound` if `used` is not the grant's current one.
    case renewGrant(String, used: [UInt8], next: [UInt8], at: Timestamp, expiresAt: Timestamp)
    /// Removes a grant with its tokens.
    case removeGrant(String)
    /// Removes up to `atMost` tokens and grants each that had expired at a moment, oldest first. Sessions opened with
    /// them continue.
    case removeExpired(at: Timestamp, atMost: Int)

    /// Adds or replaces an item of the owner's roster.
    case putRosterItem(owner: JID, RosterItem)
    /// Removes the item of that JID from the owner's roster.
    case removeRosterItem(owner: JID, JID)
    /// Sets the version of the owner's roster (RFC 6121 §2.6).
    case setRosterVersion(owner: JID, String)

    /// Puts a value under a key of a store.
    case putValue(store: String, owner: JID, key: String, [UInt8])
    /// Removes the value under a key of a store.
    case removeValue(store: String, owner: JID, key: String)
    /// Removes all values that an owner has in a store.
    case removeValues(store: String, owner: JID)

    /// Puts a value under a key of a map: at the end, or at the key's present place with `keepsPlace`.
    case putItem(MapName, key: String, [UInt8], expiresAt: Timestamp?, keepsPlace: Bool)
    /// Removes the item under a key of a map.
    case removeItem(MapName, key: String)
    /// Removes the oldest items beyond the bounds.
    case trimMap(MapName, MapBounds)
    /// Removes a map with all its items.
    case removeMap(MapName)
    /// Removes up to `atMost` items of a store that had expired at a moment, oldest first, of any owner.
    case removeExpiredItems(store: String, at: Timestamp, atMost: Int)

    /// Adds a session that can be resumed, unless its account is gone, or updates one except for its count of handled
    /// stanzas.
    case putSession(StoredSession)
    /// Sets how many of the client's stanzas a session has handled.
    case setHandled(session: Int64, UInt32)
    /// Appends a message that a session's client has not acknowledged, unless the session is gone.
    case appendUnacknowledged(session: Int64, UnacknowledgedMessage)
    /// Removes a session's messages up to and including a position.
    case removeUnacknowledged(session: Int64, upTo: Int64)
    /// Removes a session with its messages.
    case removeSession(Int64)

    /// Appends an entry to the archive; `alreadyExists` if any entry has that id.
    case append(ArchiveEntry, ArchiveMarks = .none)
    /// Replaces the stanza of an entry of the owner's.
    case replaceArchived(owner: JID, ArchiveID, stanza: [UInt8])
    /// Removes the entries that the query selects.
    case removeArchived(ArchiveQuery)
}
