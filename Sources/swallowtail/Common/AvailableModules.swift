import Web
import XMPPModules
import XMPPServer

/// All modules that a profile or a host can list.
enum AvailableModules {
    static let all: [any ServerModule.Type] = StandardModules.all + WebModules.all
}
