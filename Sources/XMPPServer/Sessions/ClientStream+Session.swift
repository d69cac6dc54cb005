import XMPPStream

extension ClientStream {
    /// The session that takes the stream's stanzas; nil: there is none yet, or no more.
    public var session: ClientSession? { streamSession as? ClientSession }

    /// What the client may do; nothing before it has signed in.
    var rights: SessionRights { session?.rights ?? (signedIn == nil ? [] : SessionRights(of: token)) }
}
