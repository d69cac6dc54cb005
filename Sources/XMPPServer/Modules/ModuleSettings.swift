/// The settings of a module: a value read from the configuration file, without a host.
public protocol ModuleSettings: Sendable, Equatable {
    /// Reads every setting, whatever the values of others, so that reading an empty section produces the reference.
    /// Errors go into the section's report.
    ///
    /// - Parameter profile: the host's other settings.
    init(_ section: ConfigSection, in profile: ProfileSettings)
}

extension ModuleSettings {
    func equals(_ other: any ModuleSettings) -> Bool { (other as? Self).map { self == $0 } ?? false }
}

/// For a module without settings.
public struct NoSettings: ModuleSettings {
    public init(_ section: ConfigSection, in profile: ProfileSettings) {}
}
