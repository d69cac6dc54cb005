extension ServerConfiguration {
    /// Reads the file at `path`, the settings of modules included.
    ///
    /// - Parameter modules: the modules that exist.
    /// - Throws: everything that is wrong with the file.
    public static func load(
        path: String, builtInProfiles: String, modules: [any ServerModule.Type]
    ) throws(ConfigErrors) -> ServerConfiguration {
        let (configuration, errors) = try check(path: path, builtInProfiles: builtInProfiles, modules: modules)
        guard errors.isEmpty else { throw ConfigErrors(errors) }
        return configuration
    }

    /// Reads the file at `path`, the settings of modules included, and goes on where something is wrong.
    ///
    /// - Parameter modules: the modules that exist.
    /// - Returns: the configuration, with defaults in place of what is wrong, and what is wrong.
    /// - Throws: `ConfigErrors` if the file cannot be read at all.
    public static func check(
        path: String, builtInProfiles: String, modules: [any ServerModule.Type]
    ) throws(ConfigErrors) -> (ServerConfiguration, [ConfigError]) {
        let (configuration, report) = try load(
            path: path, builtInProfiles: builtInProfiles, modules: settings(of: modules))
        for host in configuration.hosts { host.checkModules(modules) }
        return (configuration, report.finish())
    }

    /// The reference of all keys, those of the modules included, in Markdown.
    public static func reference(builtInProfiles: String, modules: [any ServerModule.Type]) -> String {
        reference(builtInProfiles: builtInProfiles, modules: settings(of: modules))
    }

    /// How the settings of modules are read where there is no host that they are for.
    private static func settings(of modules: [any ServerModule.Type]) -> [ModuleSettings] {
        modules.map { type in
            let specifications = type.info.specifications.map(\.description).joined(separator: ", ")
            let help = type.info.summary + (specifications.isEmpty ? "" : " Implements \(specifications).")
            return (type.info.name, help, { _ = type.init(host: .forReference(.forReference), configuration: $0) })
        }
    }
}

extension HostConfiguration {
    /// A host of which the file says nothing.
    static var forReference: HostConfiguration {
        let section = ConfigSection()
        return HostConfiguration(
            domain: "host.invalid", section, profiles: ProfileTable(section, builtIn: "", modules: []),
            folder: ConfigFolder(of: ""))
    }

    /// Reads the settings of the host's modules and finds modules that do not go together.
    func checkModules(_ available: [any ServerModule.Type]) {
        let host = Host.forReference(self)
        var isComplete = true
        for (name, section) in modules {
            guard let type = available.first(where: { $0.info.name == name }) else { continue }
            _ = type.init(host: host, configuration: section)
            for required in type.info.requires where !modules.contains(where: { $0.name == required }) {
                isComplete = false
                self.section.fail(
                    "modules", "the module \(name) needs the module \(required)",
                    fix: "switch \(required) on, or \(name) off")
            }
        }
        guard isComplete else { return }
        do {
            try host.load(available)
        } catch {
            section.fail("modules", error.description, fix: "switch one of them off")
        }
    }
}
