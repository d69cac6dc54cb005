import XMPP

/// One domain that is served: its profile's settings with the host's own laid over them.
public struct HostConfiguration: Sendable {
    /// The domain in normal form, as in a JID.
    public let domain: String
    /// The name of the profile.
    public let profileName: String
    /// The PEM file with the certificate chain, the host's own certificate first.
    public let certificate: String?
    /// The PEM file with the private key.
    public let key: String?
    /// Where browsers find the host's pages; nil: at its domain, on the port of the listener.
    public let webAddress: WebAddress?
    /// How people sign in.
    public let authentication: AuthenticationSettings
    /// Which stanzas are allowed.
    public let stanzas: StanzaSettings
    /// How streams behave.
    public let streams: StreamSettings
    /// Bounds for each connection.
    public let limits: LimitSettings
    /// The modules in the order of the profile, each with its settings.
    public let modules: [ConfiguredModule]
    /// Its external components.
    public let components: [ComponentConfiguration]
    /// The personal data that all existing modules declare.
    public let personalData: [PersonalData]
    /// The host's section, for errors that are found later.
    let section: ConfigSection

    init(domain: String, _ host: ConfigSection, profiles: ProfileTable, folder: ConfigFolder) {
        self.domain = domain
        section = host
        profileName = host.string(
            "profile", default: "standard",
            "The profile: `messenger`, `standard`, or one from `profiles`. Every other key of a profile may stand "
                + "beside it and applies to this host alone."
        )
        certificate = host.optionalString("certificate", "The PEM file with the certificate chain.").map(folder.path)
        key = host.optionalString("key", "The PEM file with the certificate's private key.").map(folder.path)
        webAddress = host.optionalValue(
            "web-address", expected: "the address of a web site", example: "https://chat.example",
            "Where browsers find the host's pages, where that is not its domain on the port of the HTTP listener, as "
                + "behind a proxy."
        )
        let profile = profiles.section(named: profileName)
        if profile == nil { profiles.failUnknown(profileName, in: host, key: "profile") }
        // The reference describes the keys of a profile once, below `profiles`.
        let settings = host.report.collectsReference ? ConfigSection() : profile?.overlaid(by: host) ?? host
        let profileSettings: ProfileSettings
        (profileSettings, modules) = profiles.read(settings)
        personalData = profiles.personalData
        authentication = profileSettings.authentication
        stanzas = profileSettings.stanzas
        streams = profileSettings.streams
        limits = profileSettings.limits
        components = ComponentConfiguration.all(host)
        checkCertificate(host)
        checkModules(host)
    }

    /// Reports modules whose required modules are off.
    private func checkModules(_ host: ConfigSection) {
        for module in modules {
            for required in module.info.requires where !modules.contains(where: { $0.info.name == required }) {
                host.fail(
                    "modules", "the module \(module.info.name) needs the module \(required)",
                    fix: "switch \(required) on, or \(module.info.name) off")
            }
        }
    }

    /// Whether both configurations are the same. Modules are compared by their settings.
    func isSame(as other: HostConfiguration) -> Bool {
        profileName == other.profileName && certificate == other.certificate && key == other.key
            && webAddress == other.webAddress && authentication == other.authentication && stanzas == other.stanzas
            && streams == other.streams && limits == other.limits && components == other.components
            && modules.count == other.modules.count
            && zip(modules, other.modules).allSatisfy { $0.isSame(as: $1) }
    }

    private func checkCertificate(_ host: ConfigSection) {
        switch (certificate, key) {
        case (nil, nil) where authentication.requiresTLS:
            host.fail(
                "certificate", "the host has no certificate",
                fix: "set certificate and key to PEM files (or authentication.require-tls to false, for tests only)"
            )
        case (nil, .some):
            host.fail("certificate", "there is a key without a certificate", fix: "set certificate to a PEM file")
        case (.some, nil):
            host.fail("key", "there is a certificate without its key", fix: "set key to a PEM file")
        default:
            break
        }
    }

    static func all(_ root: ConfigSection, profiles: ProfileTable, folder: ConfigFolder) -> [HostConfiguration] {
        let sections = root.sections("hosts", "The domains that are served, each with its own settings.")
        if sections.isEmpty {
            root.fail("hosts", "no host is served", fix: "add at least one domain below \"hosts:\"")
        }
        var hosts: [HostConfiguration] = []
        // An entry that is no section has been reported already.
        for (name, section) in sections where root.report.collectsReference || !section.isMissing {
            let domain = normalDomain(name) ?? (root.report.collectsReference ? name : nil)
            guard let domain else {
                section.fail(nil, "\"\(name)\" is no domain", fix: "write a domain such as \"chat.example\"")
                section.ignore()
                continue
            }
            if hosts.contains(where: { $0.domain == domain }) {
                section.fail(nil, "the domain stands here twice", fix: "delete one of the two")
                section.ignore()
            } else {
                hosts.append(HostConfiguration(domain: domain, section, profiles: profiles, folder: folder))
            }
        }
        // All names are the same in the reference.
        if !root.report.collectsReference { checkComponents(hosts) }
        return hosts
    }

    /// Reports domains that are used twice.
    private static func checkComponents(_ hosts: [HostConfiguration]) {
        var taken = Set(hosts.map(\.domain))
        for host in hosts {
            for component in host.components where !taken.insert(component.domain).inserted {
                host.section.section("components", "").fail(
                    nil, "\(component.domain) is taken already", fix: "give the component a domain of its own")
            }
        }
    }
}

/// The normal form of a domain; nil if the text is no domain.
func normalDomain(_ text: String) -> String? {
    JID(local: nil, domain: text, resource: nil)?.domain
}
