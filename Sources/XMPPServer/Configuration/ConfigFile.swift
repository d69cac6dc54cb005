import Foundation

/// Opens configuration files and writes the reference.
public enum ConfigFile {
    /// The maximum size of a file in bytes.
    static let largestSize = 1 << 20

    /// Reads the file at `path`.
    ///
    /// - Throws: `ConfigErrors` if the file cannot be read or is no YAML mapping.
    public static func load(path: String) throws(ConfigErrors) -> (ConfigSection, ConfigReport) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw ConfigErrors([unreadable(path, error)])
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            let error = ConfigError(file: path, problem: "the file is not UTF-8 text", fix: "save it as UTF-8")
            throw ConfigErrors([error])
        }
        return try parse(text, file: path)
    }

    /// Reads `text`; errors name `file`.
    ///
    /// - Throws: `ConfigErrors` if the text is no YAML mapping.
    public static func parse(_ text: String, file: String) throws(ConfigErrors) -> (ConfigSection, ConfigReport) {
        let report = ConfigReport(file: file)
        return (try parse(text, file: file, report: report), report)
    }

    /// Reads a further text whose errors go into `report`.
    static func parse(_ text: String, file: String, report: ConfigReport) throws(ConfigErrors) -> ConfigSection {
        let root: ConfigNode?
        // A byte order mark, which some editors write, would count as a column of the first line.
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        do throws(ConfigError) {
            root = try YAMLReader(file: file, text: text).read()
        } catch {
            throw ConfigErrors([error])
        }
        if let root { report.addRoot(root) }
        return ConfigSection(path: "", layers: root.map { [$0] } ?? [], position: nil, report: report)
    }

    /// The reference in Markdown of everything that `read` asks for.
    public static func reference(_ read: (ConfigSection) -> Void) -> String {
        let report = ConfigReport(file: "(reference)", collectsReference: true)
        read(ConfigSection(path: "", layers: [], position: nil, report: report))
        return ConfigReference(report.referenceItems).markdown
    }

    private static func unreadable(_ path: String, _ error: any Error) -> ConfigError {
        let (problem, fix) =
            switch (error as? CocoaError)?.code {
            case .fileReadNoSuchFile: ("there is no such file", "write it, or name another with --config")
            case .fileReadNoPermission: ("the file may not be read", "give this user the right to read it")
            default: ("the file cannot be read", "name a readable file with --config")
            }
        return ConfigError(file: path, problem: problem, fix: fix)
    }
}
