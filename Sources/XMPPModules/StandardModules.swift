import XMPPServer

/// All modules that a profile can list, in the order in which their handlers run within a phase.
public enum StandardModules {
    public static let all: [any ServerModule.Type] = [
        Disco.self,
        EntityCapabilities.self,
        Session.self,
        StreamLimits.self,
        ClientAccess.self,
        Registration.self,
        Invitations.self,
        Ping.self,
        Version.self,
        Time.self,
        Rosters.self,
        Nickname.self,
        PersonalMessage.self,
        Presence.self,
        Blocking.self,
        Messages.self,
        Carbons.self,
        StanzaIDs.self,
        Retraction.self,
        Push.self,
        Archive.self,
        ArchiveManagement.self,
        ArchiveFullText.self,
        ArchivePreferencesRequests.self,
        MessageArchiving.self,
        Offline.self,
        LastActivity.self,
        PrivateXML.self,
        StreamManagement.self,
        ClientState.self,
        VCard.self,
        JIDLookup.self,
    ]
}
