import XMPP

/// Whose turn a read of the storage takes.
public enum ReadTurn {
    /// The account for which the current task reads; nil: the one whose data is read, if it is one's.
    @TaskLocal public static var account: JID?
}
