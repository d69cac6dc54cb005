/// What can happen to a message; see `MessageTrace`. The raw values are those of the ring's entries.
public enum TraceStep: UInt8, Sendable, CaseIterable {
    /// A client has sent it.
    case received = 1
    /// A module has refused it: the module, and the condition.
    case refused
    /// A module has taken it, and it goes no further: the module.
    case taken
    /// It is for an archive: whose.
    case archived
    /// A session that gets it: its full JID.
    case delivered
    /// A session that gets a copy (XEP-0280): its full JID.
    case copied
    /// A module keeps it for later: the module.
    case kept
    /// What it changes is durable.
    case stored
    /// What it changes could not be made durable.
    case failed
    /// An app server is told that it waits (XEP-0357): its address.
    case pushed
    /// The client of a session has said that it has it (XEP-0198): the session's full JID.
    case acknowledged

    /// The word for programs.
    public var name: String { "\(self)" }
}
