import XMPP
import XMPPStream

/// One change to what is stored. Changes are submitted in groups; see `CommitQueue.submit`.
///
/// Removing what is not there is no error, and putting replaces what was there.
public enum StorageChange: Sendable {
    /// Adds an account with its credentials; `alreadyExists` if the JID, or the account id on that host, is taken. It owns
    /// nothing at first: what is stored for its JID, such as what was submitted behind the removal of the former owner, is
    /// removed. A server adds by `AccountTable.add`.
    case addAccount(Account, credentials: [SCRAMCredential])
    /// Changes the settings that the update names, and no others; `notFound` if there is no such account, `alreadyExists` if
    /// the new account id is taken.
    case updateAccount(JID, AccountUpdate)
    /// Removes an account and everything that it owns: credentials, tokens, roster, values and maps in every store, archive.
    /// Copies of its messages that others own stay with them. Values may also be owned by who is no account here.
    /// Nothing of it is seen any more from the commit on, not by the next owner of the name either; the room that its archive
    /// takes may be freed later, in steps between other commits.
    case removeAccount(JID)
    /// Replaces all credentials of an account; `notFound` if there is no such account. Empty: no password any more.
    case setCredentials(JID, [SCRAMCredential])

    /// Adds a token; `notFound` if its account or its grant does not exist, `alreadyExists` if the digest is taken.
    case addToken(Token)
    /// Removes the token with the digest. Sessions that it has opened are revoked, as they are by the next and by
    /// `removeGrant`.
    case removeToken(digest: [UInt8])
    /// Removes all tokens of an account, and its grants. All its sessions are revoked, until they are put again.
    case removeTokens(JID)
    /// Notes that the token, and the grant that it hangs on, were used.
    case noteUse(ofToken: [UInt8], at: Timestamp)
    /// Adds a grant; `notFound` if its account does not exist, `alreadyExists` if the id is taken.
    case addGrant(Grant)
    /// Puts another refresh token in the place of the current one; `notFound` if `used` is not the current one of the
    /// grant, or not any more.
    case renewGrant(String, used: [UInt8], next: [UInt8], at: Timestamp, expiresAt: Timestamp)
    /// Removes a grant with its tokens.
    case removeGrant(String)
    /// Removes tokens and grants that were void at a moment, of each the `atMost` that have been so for longest. Sessions
    /// that they have opened go on.
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

    /// Puts a value under a key of a map. Behind all others, unless it `keepsPlace` that the key has.
    case putItem(MapName, key: String, [UInt8], expiresAt: Timestamp?, keepsPlace: Bool)
    /// Removes the item under a key of a map.
    case removeItem(MapName, key: String)
    /// Removes the items that are too much, those that were put first.
    case trimMap(MapName, MapBounds)
    /// Removes a map with all its items.
    case removeMap(MapName)
    /// Removes items of a store that had expired at a moment, whosever they are: the `atMost` that have been so for longest.
    case removeExpiredItems(store: String, at: Timestamp, atMost: Int)

    /// Adds a session that can be resumed, unless its account is gone, or takes over what has changed of one, all but the
    /// count of what it has handled.
    case putSession(StoredSession)
    /// Sets how many of the client's stanzas a session has handled.
    case setHandled(session: Int64, UInt32)
    /// Appends a message that a session's client has not acknowledged, unless the session is gone.
    case appendUnacknowledged(session: Int64, UnacknowledgedMessage)
    /// Removes a session's messages up to and with a position.
    case removeUnacknowledged(session: Int64, upTo: Int64)
    /// Removes a session with its messages.
    case removeSession(Int64)

    /// Appends an entry to the archive; `alreadyExists` if any entry has that id.
    case append(ArchiveEntry, ArchiveMarks = .none)
    /// Puts another stanza in the place of that of an entry of the owner's.
    case replaceArchived(owner: JID, ArchiveID, stanza: [UInt8])
    /// Removes the entries that the query describes.
    case removeArchived(ArchiveQuery)
}
