/// Everything that the configuration file says, checked and with defaults filled in. Modules read their own
/// settings when they are made; when they have, `ConfigReport.finish()` finds the keys that nobody knows.
public struct ServerConfiguration: Sendable {
    /// A module as far as the file is concerned: its name, what it is for, and how its settings are read: run on a
    /// section, `read` asks for every key that the module knows.
    public typealias ModuleSettings = (name: String, help: String, read: @Sendable (ConfigSection) -> Void)

    /// The file as the user named it.
    public let file: String
    /// Where data are kept.
    public let data: DataConfiguration
    /// What is logged, and how.
    public let log: LogConfiguration
    /// Where clients connect.
    public let listeners: [ListenerConfiguration]
    /// Where browsers connect.
    public let httpListeners: [HTTPListenerConfiguration]
    /// The domains that are served, in the file's order.
    public let hosts: [HostConfiguration]
    /// Bounds for the server as a whole.
    public let limits: ServerLimits
    /// The file's root, to say where something stands.
    let root: ConfigSection

    /// Reads the configuration; whatever is wrong goes into the section's report, and defaults take its place.
    ///
    /// - Parameters:
    ///   - root: the file's root section.
    ///   - builtInProfiles: the profiles that ship with the server, in YAML: a mapping from name to profile.
    ///   - modules: the modules that exist. Other names become errors, and the settings of profiles that no host
    ///     uses are checked. An empty list leaves both to the caller.
    public init(_ root: ConfigSection, builtInProfiles: String, modules: [ModuleSettings] = []) {
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
        profiles.checkUnused(used: Set(hosts.map(\.profileName)))
    }

    /// Reads and checks the file at `path`.
    ///
    /// - Returns: the configuration, and the report that holds what is wrong with it.
    /// - Throws: `ConfigErrors` if the file cannot be read at all.
    public static func load(
        path: String, builtInProfiles: String, modules: [ModuleSettings] = []
    ) throws(ConfigErrors) -> (ServerConfiguration, ConfigReport) {
        let (root, report) = try ConfigFile.load(path: path)
        return (ServerConfiguration(root, builtInProfiles: builtInProfiles, modules: modules), report)
    }

    /// The reference of all keys, in Markdown.
    public static func reference(builtInProfiles: String, modules: [ModuleSettings]) -> String {
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
