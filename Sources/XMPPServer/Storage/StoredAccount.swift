import XMPPStream

/// All that is in memory of an account in use, as the storage has it at one moment.
public struct StoredAccount: Sendable {
    public let account: Account
    public let roster: StoredRoster
    /// The SCRAM keys, as `CredentialStorage.credentials` has them.
    public let credentials: [SCRAMCredential]
    /// Values by store and key, of the stores that were asked for; nothing for a store without any.
    public let values: [String: [String: [UInt8]]]
    /// The sessions that can be resumed, the one that was bound first first.
    public let sessions: [Session]

    /// A session that can be resumed.
    public struct Session: Sendable, Equatable {
        public let session: StoredSession
        /// What its client has not acknowledged, in the order of the positions.
        public let messages: [UnacknowledgedMessage]
        /// Whether what it was opened with was taken back; what has only expired was good when it was used.
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
