import XMPPStream

extension ClientStream {
    /// The session that takes the stream's stanzas; nil: there is none yet, or no more.
    public var session: ClientSession? { streamSession as? ClientSession }
}
