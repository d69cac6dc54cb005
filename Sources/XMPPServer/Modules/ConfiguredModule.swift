/// A module that is on for a host, with its settings.
public struct ConfiguredModule: Sendable {
    public let info: ModuleInfo
    /// Its position among all modules, which orders handlers within a phase.
    let place: Int
    let settings: any ModuleSettings
    /// Makes the module for a host.
    let make: @Sendable (Host) -> any ServerModule

    fileprivate init<Module: ServerModule>(
        _ module: Module.Type, _ section: ConfigSection, _ profile: ProfileSettings, _ place: Int
    ) {
        let settings = Module.Settings(section, in: profile)
        info = Module.info
        self.place = place
        self.settings = settings
        make = { Module(host: $0, settings: settings) }
    }

    /// Whether it is the same module with the same settings.
    func isSame(as other: ConfiguredModule) -> Bool {
        info.name == other.info.name && settings.equals(other.settings)
    }
}

extension ServerModule {
    /// The module with its settings; errors go into the section's report.
    ///
    /// - Parameter place: its position among all modules.
    static func configured(_ section: ConfigSection, in profile: ProfileSettings, at place: Int) -> ConfiguredModule {
        ConfiguredModule(self, section, profile, place)
    }
}
