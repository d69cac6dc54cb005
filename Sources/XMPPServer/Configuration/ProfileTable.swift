/// The profiles that a configuration may name: the built-in ones and those of the file, each laid over the one it
/// extends. A profile of the file is laid over a built-in one of the same name.
struct ProfileTable {
    private let root: ConfigSection
    private let builtIn: [(name: String, section: ConfigSection)]
    private let own: [(name: String, section: ConfigSection)]
    /// The modules that exist.
    private let modules: [any ServerModule.Type]

    /// The personal data that they declare.
    var personalData: [PersonalData] { modules.flatMap { $0.personalData } }

    init(_ root: ConfigSection, builtIn text: String, modules: [any ServerModule.Type]) {
        self.root = root
        self.modules = modules
        builtIn = Self.readBuiltIn(text, report: root.report)
        own = root.sections(
            "profiles",
            "Named sets of settings for hosts. A profile with the name of a built-in one changes that."
        )
        for (name, section) in builtIn + own {
            // Read together with what it extends, so that checks across keys see everything.
            _ = ProfileSettings(self.section(named: name) ?? section)
            readModuleReference(section)
        }
    }

    /// The profile with all that it extends; nil if there is none of that name.
    func section(named name: String) -> ConfigSection? {
        if let section = own.first(where: { $0.name == name })?.section {
            return resolve(name, section, chain: [])
        }
        return builtInSection(named: name)
    }

    private func resolve(_ name: String, _ section: ConfigSection, chain: [String]) -> ConfigSection {
        let builtIn = builtInSection(named: name)
        guard let parent = Self.parent(of: section), parent != name || builtIn == nil else {
            return builtIn?.overlaid(by: section) ?? section
        }
        guard !chain.contains(name) else {
            let circle = (chain.drop { $0 != name } + [name]).joined(separator: ", ")
            section.fail(
                "extends", "the profiles extend each other in a circle: \(circle)",
                fix: "let one of them extend nothing"
            )
            return section
        }
        if let next = own.first(where: { $0.name == parent })?.section {
            return resolve(parent, next, chain: chain + [name]).overlaid(by: section)
        }
        if let next = builtInSection(named: parent) {
            return next.overlaid(by: section)
        }
        failUnknown(parent, in: section, key: "extends")
        return section
    }

    private func builtInSection(named name: String) -> ConfigSection? {
        builtIn.first { $0.name == name }?.section
    }

    func failUnknown(_ name: String, in section: ConfigSection, key: String) {
        var names = builtIn.map(\.name)
        names += own.map(\.name).filter { !names.contains($0) }
        let nearest = nearestWord(to: name, among: names).map { "did you mean \"\($0)\"?" }
        section.fail(
            key, "there is no profile \"\(name)\"", fix: nearest ?? "profiles: \(names.joined(separator: ", "))"
        )
    }

    private static func parent(of section: ConfigSection) -> String? {
        section.optionalString("extends", "The profile whose settings apply where this one sets nothing.")
    }

    private static func readBuiltIn(
        _ text: String, report: ConfigReport
    ) -> [(name: String, section: ConfigSection)] {
        guard !report.collectsReference else { return [] }
        do throws(ConfigErrors) {
            let root = try ConfigFile.parse(text, file: "(built-in profiles)", report: report)
            return root.namedSections()
        } catch {
            for error in error.errors { report.note(error) }
            return []
        }
    }
}

// MARK: - Modules

extension ProfileTable {
    private static var modulesHelp: String {
        "The modules and their settings. `module: {}` or `on` switches one on, `off` switches off an inherited one."
    }

    /// Reads a profile: its settings, and the modules that it switches on, in order of first appearance, with theirs.
    func read(_ settings: ConfigSection) -> (ProfileSettings, [ConfiguredModule]) {
        let section = settings.section("modules", Self.modulesHelp)
        let listed: [(place: Int, section: ConfigSection)] = section.names.compactMap { name in
            guard let place = modules.firstIndex(where: { $0.info.name == name }) else {
                failUnknownModule(name, in: section)
                return nil
            }
            return section.switchedSection(name).map { (place, $0) }
        }
        let profile = ProfileSettings(settings, modules: listed.map { modules[$0.place].info.name })
        return (profile, listed.map { modules[$0.place].configured($0.section, in: profile, at: $0.place) })
    }

    private func failUnknownModule(_ name: String, in section: ConfigSection) {
        let names = modules.map { $0.info.name }
        let nearest = nearestWord(to: name, among: names).map { "did you mean \"\($0)\"?" }
        section.fail(name, "there is no such module", fix: nearest ?? "modules: \(names.joined(separator: ", "))")
        section.switchedSection(name)?.ignore()
    }

    /// Reads the module settings of profiles that no host uses, so that mistakes in them are found, too.
    func checkUnused(used: Set<String>) {
        for (name, section) in builtIn + own where !used.contains(name) {
            _ = read(self.section(named: name) ?? section)
        }
    }

    /// Below `modules` of a profile, the reference lists each module with its settings.
    private func readModuleReference(_ profile: ConfigSection) {
        guard profile.report.collectsReference else { return }
        let section = profile.section("modules", Self.modulesHelp)
        let settings = ProfileSettings(ConfigSection())
        for module in modules {
            _ = module.configured(section.section(module.info.name, module.info.help), in: settings, at: 0)
        }
    }
}
