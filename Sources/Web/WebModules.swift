public import XMPPServer

/// The modules of the web, in the order in which their handlers run within a phase.
public enum WebModules {
    public static let all: [any ServerModule.Type] = [
        WebPages.self,
        OAuth.self,
        IdentityProvider.self,
        WebSockets.self,
        BOSH.self,
        HostMeta.self,
        ChatPage.self,
        RoomsPage.self,
        CommandAPI.self,
        Health.self,
    ]
}
