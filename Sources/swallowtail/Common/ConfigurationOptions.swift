import ArgumentParser
import Foundation
import XMPPModules
import XMPPServer

/// The configuration of a command.
struct ConfigurationOptions: ParsableArguments {
    /// Where a configuration is searched for if none is given.
    private static let places = ["swallowtail.yaml", "data/swallowtail.yaml", "/etc/swallowtail/swallowtail.yaml"]

    @Option(
        help: ArgumentHelp(
            "The configuration file; without it, what SWALLOWTAIL_CONFIG names, or the first that exists of "
                + "\(places.joined(separator: ", ")).",
            valueName: "file"))
    var config: String?

    /// The path of the file.
    func path() throws -> String {
        guard let path = pathIfAny else {
            throw Failure(
                "there is no configuration at \(Self.places.joined(separator: " or ")); say --config FILE, or make "
                    + "one with \"swallowtail init\"")
        }
        return path
    }

    /// The path of a file that need not be there.
    func pathOfNew() -> String { pathIfAny ?? Self.places[0] }

    private var pathIfAny: String? {
        if let config { return config }
        if let path = ProcessInfo.processInfo.environment["SWALLOWTAIL_CONFIG"], !path.isEmpty { return path }
        return Self.places.first(where: FileManager.default.fileExists)
    }

    /// The configuration, with defaults in place of wrong values, and the errors.
    func check() throws -> (ServerConfiguration, [ConfigError]) {
        do {
            return try ServerConfiguration.check(
                path: path(), builtInProfiles: StandardProfiles.yaml, modules: AvailableModules.all)
        } catch let errors as ConfigErrors {
            throw Failure(errors.description)
        }
    }

    /// The configuration, if it has no errors.
    ///
    /// - Throws: `ConfigErrors`.
    func read() throws -> ServerConfiguration {
        try ServerConfiguration.load(
            path: path(), builtInProfiles: StandardProfiles.yaml, modules: AvailableModules.all)
    }

    /// The same with errors in the form of a command.
    func load() throws -> ServerConfiguration {
        do {
            return try read()
        } catch let errors as ConfigErrors {
            throw Failure(errors.description)
        }
    }
}
