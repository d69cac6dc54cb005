import XMPPServer

/// XEP-0157: Contact Addresses for XMPP Services: whom people and other servers can contact about the host.
struct ContactAddresses: ServerModule {
    static let info = ModuleInfo(
        "contact-addresses", implements: [.xep(157, "1.1.1")], requires: ["disco"],
        summary: "Tells whom to write to about the host.")

    struct Settings: ModuleSettings {
        /// Addresses as URIs, by purpose.
        let addresses: [Registrar.InformationField]

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            addresses = [
                ("abuse", "abuse"), ("administrators", "admin"), ("feedback", "feedback"), ("sales", "sales"),
                ("security", "security"), ("status", "status"), ("support", "support"),
            ].compactMap { key, name in
                let uris: [ContactURI] = section.values(
                    key, default: [], expected: "an address as a URI",
                    example: "\"mailto:abuse@chat.example\" or \"xmpp:admin@chat.example\"",
                    "Addresses to write to, for what the key says.")
                return uris.isEmpty ? nil : .init("\(name)-addresses", uris.map(\.description))
            }
        }
    }

    /// A URI with a scheme, such as `mailto:`, `xmpp:` or `https:`.
    private struct ContactURI: LosslessStringConvertible {
        let description: String

        init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].allSatisfy({ $0.isASCII && ($0.isLetter || "+-.".contains($0)) }),
                !text.contains(where: \.isWhitespace)
            else { return nil }
            description = text
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        guard !settings.addresses.isEmpty else { return }
        registrar.information("http://jabber.org/network/serverinfo", settings.addresses)
    }
}
