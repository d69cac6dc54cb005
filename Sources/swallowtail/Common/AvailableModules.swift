import Web
import XMPPModules
import XMPPServer

/// All modules.
enum AvailableModules {
    static let all: [any ServerModule.Type] = StandardModules.all + WebModules.all
}
