import XMPP

/// The account on whose behalf a read of the storage happens.
public enum ReadTurn {
    /// The account that the current task reads for; nil: the one whose data is read, if it is one's.
    @TaskLocal public static var account: JID?
}
