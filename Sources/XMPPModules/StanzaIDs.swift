import XMPPServer

/// XEP-0359: Unique and Stable Stanza IDs. Whoever keeps a message says under which id; nobody says it in the name of
/// somebody who is served here.
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
            // A room says under which id it has a message, and nobody else does.
            case .service: return !by.isSameBare(as: from)
            case .unknown: return false
            }
        }
    }

    /// Writes the id that a message has in an archive.
    static func write(_ id: String, by archive: JID, to writer: inout XMLWriter) {
        writer.start("stanza-id", .stanzaIDs)
        writer.attribute("by", archive.string)
        writer.attribute("id", id)
        writer.end()
    }
}
