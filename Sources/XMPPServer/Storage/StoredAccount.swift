import XMPPStream

/// Everything that is loaded for an account in use, as stored at one moment.
public struct StoredAccount: Sendable {
    public let account: Account
    public let roster: StoredRoster
    /// The SCRAM keys, see `CredentialStorage.credentials`.
    public let credentials: [SCRAMCredential]
    /// Values by store and key, of the stores asked for; a store without values is left out.
    public let values: [String: [String: [UInt8]]]
    /// The sessions that can be resumed, in the order in which they were bound.
    public let sessions: [Session]

    /// A session that can be resumed.
    public struct Session: Sendable, Equatable {
        public let session: StoredSession
        /// Messages that its client has not acknowledged, by position.
        public let messages: [UnacknowledgedMessage]
        /// Whether the credentials that opened it were revoked. Credentials that have expired since do not count.
        public let isRevoked: Bool

        public init(_ session: StoredSession, messages: [UnacknowledgedMessage], isRevoked: Bool) {
            self.session = session
            self.messages = messages
            self.isRevoked = isRevoked
        }
    }

    public init(
        account: Account, roster: StoredRoster = StoredRoster(), credentials: [SCRAMCredential] = [],
        values: [String: [String: [UInt8]]] = [:], sessions: [Session] = []
    ) {
        self.account = account
        self.roster = roster
        self.credentials = credentials
        self.values = values
        self.sessions = sessions
    }
}
