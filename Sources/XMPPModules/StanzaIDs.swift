import XMPPServer

/// XEP-0359: Unique and Stable Stanza IDs. An archive adds its id to a message; ids in the names of local archives are
/// stripped.
struct StanzaIDs: ServerModule {
    static let info = ModuleInfo(
        "stanza-ids", implements: [.xep(359, "0.7.0")], summary: "Messages carry the ids of the archives they are in.")

    private let hosts: HostTable

    init(host: Host, settings: NoSettings) {
        hosts = host.router.hosts
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(.stanzaIDs)
        registrar.accountFeature(.stanzaIDs)
        registrar.reserve(.stanzaIDs) { [hosts] child, from in
            guard child.hasName("stanza-id") else { return false }
            guard let by = child["by"].flatMap({ JID($0) }) else { return true }
            switch hosts.recipient(of: by) {
            case .account, .host: return true
            // Only a room adds its own id.
            case .service: return !by.isSameBare(as: from)
            case .remote: return hosts[of: by] != nil || !by.isSameBare(as: from)
            case .unknown: return false
            }
        }
    }

    /// Writes a message's id in an archive.
    static func write(_ id: String, by archive: JID, to writer: inout XMLWriter) {
        writer.start("stanza-id", .stanzaIDs)
        writer.attribute("by", archive.string)
        writer.attribute("id", id)
        writer.end()
    }
}
