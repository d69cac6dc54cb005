/// The whole configuration file, including settings of modules, checked and with defaults filled in.
public struct ServerConfiguration: Sendable {
    /// The file as the user named it.
    public let file: String
    /// Where data are kept.
    public internal(set) var data: DataConfiguration
    /// What is logged, and how.
    public internal(set) var log: LogConfiguration
    /// Where clients connect.
    public let listeners: [ListenerConfiguration]
    /// Where browsers connect.
    public let httpListeners: [HTTPListenerConfiguration]
    /// Where external components connect.
    public let componentListeners: [ComponentListenerConfiguration]
    /// The domains that are served, in the file's order.
    public let hosts: [HostConfiguration]
    /// Bounds for the server as a whole.
    public internal(set) var limits: ServerLimits
    /// The root of the file, for the places of errors.
    let root: ConfigSection

    /// Reads the configuration. Errors go into the section's report, and defaults take the place of wrong values.
    ///
    /// - Parameters:
    ///   - root: the file's root section. After this, the report's `finish()` finds unknown keys.
    ///   - builtInProfiles: the built-in profiles in YAML: a mapping from name to profile.
    ///   - modules: all modules, in the order in which their handlers run.
    public init(_ root: ConfigSection, builtInProfiles: String, modules: [any ServerModule.Type]) {
        self.root = root
        let folder = ConfigFolder(of: root.report.file)
        file = root.report.file
        data = DataConfiguration(
            root.section("data", "Where the server keeps its data."), folder: folder
        )
        log = LogConfiguration(root.section("log", "What is logged to standard error, and how."))
        limits = ServerLimits(root.section("limits", "Bounds for the server as a whole. 0 means no bound."))
        let profiles = ProfileTable(root, builtIn: builtInProfiles, modules: modules)
        hosts = HostConfiguration.all(root, profiles: profiles, folder: folder)
        listeners = ListenerConfiguration.all(root, domains: hosts.map(\.domain))
        httpListeners = HTTPListenerConfiguration.all(root, domains: hosts.map(\.domain))
        componentListeners = ComponentListenerConfiguration.all(
            root, isNeeded: hosts.contains { !$0.components.isEmpty })
        profiles.checkUnused(used: Set(hosts.map(\.profileName)))
    }

    /// Reads the file at `path`.
    ///
    /// - Throws: everything that is wrong with the file.
    public static func load(
        path: String, builtInProfiles: String, modules: [any ServerModule.Type]
    ) throws(ConfigErrors) -> ServerConfiguration {
        let (configuration, errors) = try check(path: path, builtInProfiles: builtInProfiles, modules: modules)
        guard errors.isEmpty else { throw ConfigErrors(errors) }
        return configuration
    }

    /// Reads the file at `path`, as far as possible if it has errors.
    ///
    /// - Returns: the configuration, with defaults in place of wrong values, and the errors.
    /// - Throws: `ConfigErrors` if the file cannot be read at all.
    public static func check(
        path: String, builtInProfiles: String, modules: [any ServerModule.Type]
    ) throws(ConfigErrors) -> (ServerConfiguration, [ConfigError]) {
        let (root, report) = try ConfigFile.load(path: path)
        let configuration = ServerConfiguration(root, builtInProfiles: builtInProfiles, modules: modules)
        return (configuration, report.finish())
    }

    /// The reference of all keys, in Markdown.
    public static func reference(builtInProfiles: String, modules: [any ServerModule.Type]) -> String {
        ConfigFile.reference { root in
            _ = ServerConfiguration(root, builtInProfiles: builtInProfiles, modules: modules)
        }
    }

    /// The host that serves `domain`.
    public func host(_ domain: String) -> HostConfiguration? {
        hosts.first { $0.domain == domain }
    }
}

/// The folder that relative paths of a configuration file start from.
struct ConfigFolder {
    private let prefix: Substring

    init(of file: String) {
        prefix = file.lastIndex(of: "/").map { file[...$0] } ?? ""
    }

    func path(_ path: String) -> String {
        if path == ".", prefix.count > 1 { return String(prefix.dropLast()) }
        return path.hasPrefix("/") ? path : prefix + path
    }
}
