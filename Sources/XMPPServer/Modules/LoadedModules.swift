import XML
import XMPP

/// The modules of a host with their declarations, and the configuration that they were loaded for. Immutable; a reload
/// replaces the whole. Work that began with one value continues with it.
final class LoadedModules: Sendable {
    /// A loaded module.
    final class Module: Sendable {
        let configured: ConfiguredModule
        let instance: any ServerModule
        /// Its declarations.
        let registrar: Registrar
        let services: [ModuleService]

        init(_ configured: ConfiguredModule, of host: Host) throws(ModuleConflict) {
            self.configured = configured
            instance = configured.make(host)
            var registrar = Registrar(module: configured.info.name)
            instance.register(&registrar)
            self.registrar = registrar
            var services: [ModuleService] = []
            for declaration in registrar.services { services.append(try ModuleService(declaration, of: host)) }
            self.services = services
        }
    }

    /// Their host. It is practically immortal: a host that is no longer served is kept in case it is served again.
    let host: Host
    let configuration: HostConfiguration
    let modules: [Module]
    let declarations: Declarations
    let accountFeatures: [Namespace]
    let accountIdentities: [Registrar.Identity]
    /// How sessions outlive their connections; nil: they do not.
    let resumption: ResumptionSettings?
    /// Bounds for rosters of its accounts.
    let rosterBounds: RosterBounds
    let inactiveClientPolicies: [@Sendable (Stanza) -> InactiveClientPolicy?]
    let tokenVerifiers: [TokenVerifier]
    let streamFeatures: [Registrar.StreamFeature]
    let streamElements: [Registrar.StreamElement]
    let authenticationFeatures: [Registrar.AuthenticationFeature]
    let bindFeatures: [Registrar.BindFeature]
    let commands: [Command]
    let preloads: [Preload]

    /// The value of a host before its modules are loaded.
    init(none configuration: HostConfiguration, of host: Host) {
        self.host = host
        self.configuration = configuration
        modules = []
        declarations = .none
        accountFeatures = []
        accountIdentities = []
        resumption = nil
        rosterBounds = .none
        inactiveClientPolicies = []
        tokenVerifiers = []
        streamFeatures = []
        streamElements = []
        authenticationFeatures = []
        bindFeatures = []
        commands = []
        preloads = []
    }

    /// Makes the configured modules. A module that is loaded already with the same settings is kept, with its state.
    ///
    /// - Throws: if two of them conflict.
    init(_ configuration: HostConfiguration, after former: LoadedModules) throws(ModuleConflict) {
        host = former.host
        self.configuration = configuration
        var modules: [Module] = []
        for configured in configuration.modules.sorted(by: { $0.place < $1.place }) {
            if let known = former.modules.first(where: { $0.configured.isSame(as: configured) }) {
                modules.append(known)
            } else {
                modules.append(try Module(configured, of: host))
            }
        }
        self.modules = modules
        let registrars = modules.map(\.registrar)
        declarations = try Declarations(registrars)
        var accountFeatures: [Namespace] = []
        for feature in registrars.flatMap(\.accountFeatures) where !accountFeatures.contains(feature) {
            accountFeatures.append(feature)
        }
        self.accountFeatures = accountFeatures
        accountIdentities = registrars.flatMap(\.accountIdentities)
        resumption = registrars.lazy.compactMap(\.resumption).last
        rosterBounds = registrars.lazy.compactMap(\.rosterBounds).last ?? .none
        inactiveClientPolicies = registrars.flatMap(\.inactiveClientPolicies)
        tokenVerifiers = registrars.flatMap(\.tokenVerifiers)
        streamFeatures = registrars.flatMap(\.streamFeatures)
        streamElements = registrars.flatMap(\.streamElements)
        authenticationFeatures = registrars.flatMap(\.authenticationFeatures)
        bindFeatures = registrars.flatMap(\.bindFeatures)
        let commands = Administration.commands + registrars.flatMap(\.commands)
        for command in commands
        where commands.count(where: { $0.name == command.name || $0.node == command.node }) > 1 {
            throw ModuleConflict("there are two commands \(command.name), or two with its node")
        }
        self.commands = commands
        preloads = registrars.flatMap(\.preloads)
    }

    /// Their ports.
    var ports: [PortUse] { modules.flatMap(\.registrar.ports) }

    /// Their recurring jobs.
    var jobs: [Registrar.Job] { modules.flatMap(\.registrar.jobs) }

    /// Whether one of them makes or verifies access tokens.
    var haveTokens: Bool { modules.contains { $0.registrar.makesTokens || !$0.registrar.tokenVerifiers.isEmpty } }
}
