/// The settings of a module: a value that is read from the configuration file without a host.
public protocol ModuleSettings: Sendable, Equatable {
    /// Reads every setting, whatever the others say, so that a run on an empty section yields the reference. What is wrong
    /// goes into the section's report.
    ///
    /// - Parameter profile: what else the host's profile sets, for modules that go by it.
    init(_ section: ConfigSection, in profile: ProfileSettings)
}

extension ModuleSettings {
    func equals(_ other: any ModuleSettings) -> Bool { (other as? Self).map { self == $0 } ?? false }
}

/// Those of a module that has none.
public struct NoSettings: ModuleSettings {
    public init(_ section: ConfigSection, in profile: ProfileSettings) {}
}
