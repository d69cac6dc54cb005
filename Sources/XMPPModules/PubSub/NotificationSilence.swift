/// Why somebody is not told of what happens at a node, as administrators read it.
enum NotificationSilence: String, Sendable {
    case off = "the node delivers no notifications"
    case blocked = "blocked by the account"
    case blocksAccount = "has blocked the account"
    case noPresence = "does not see the account's presence"
    case noAccess = "may not read the node"
    case notInterested = "has not asked for the node in its capabilities"
    case notSubscribed = "is not subscribed, or waits for approval"
    case notWanted = "has switched delivery off"
    case unavailable = "is not available as its subscription or the node wants it"
    case offline = "is not available"
}
