extension ConfigSection {
    /// The section below `key`; an empty one if the file has none.
    public func section(_ key: String, _ help: String) -> ConfigSection {
        collect(key, kind: ReferenceItem.sectionKind, default: "", help)
        _ = present(key)
        return child(key, values: layers.compactMap { $0.value(of: key) })
    }

    /// A map of sections that the user names, in the file's order.
    public func sections(_ key: String, _ help: String) -> [(name: String, section: ConfigSection)] {
        collect(key, kind: ReferenceItem.sectionsKind, default: "", help)
        _ = present(key)
        let map = child(key, values: layers.compactMap { $0.value(of: key) })
        if report.collectsReference {
            return [("<name>", map.child("<name>", values: []))]
        }
        return map.namedSections()
    }

    /// A list of sections, in the file's order.
    public func list(_ key: String, _ help: String) -> [ConfigSection] {
        collect(key, kind: ReferenceItem.listKind, default: "", help)
        if report.collectsReference {
            return [ConfigSection(path: pathTo(key) + "[]", layers: [], position: nil, report: report)]
        }
        guard let node = present(key) else { return [] }
        switch node.content {
        case .empty:
            return []
        case .list(let items):
            return items.compactMap { section(of: $0) }
        case .scalar, .mapping:
            failKind(node, expected: "a list of sections", fix: "begin each item with \"- \"")
            return []
        }
    }

    /// This section with `over` laid over it: keys of `over` win, nested sections merge, lists are replaced.
    public func overlaid(by over: ConfigSection?) -> ConfigSection {
        guard let over else { return self }
        return ConfigSection(
            path: over.path, layers: layers + over.layers, position: over.position ?? position, report: report
        )
    }

    /// True if the file has `key` here; asking does not count as reading.
    public func has(_ key: String) -> Bool {
        topmostEntry(key) != nil
    }
}

extension ConfigSection {
    /// All entries as sections, in the file's order.
    func namedSections() -> [(name: String, section: ConfigSection)] {
        names.map { name in
            report.noteAsked(name, in: layers)
            return (name, child(name, values: layers.compactMap { $0.value(of: name) }))
        }
    }

    /// A section that may also be written as `off` or `on`; nil if it is off. `off` in a higher layer discards the
    /// settings of lower ones.
    func switchedSection(_ key: String) -> ConfigSection? {
        report.noteAsked(key, in: layers)
        var isOn = false
        var values: [ConfigNode] = []
        for value in layers.compactMap({ $0.value(of: key) }) {
            guard case .scalar(let text) = value.content else {
                isOn = true
                values.append(value)
                continue
            }
            guard let state = switchValue(text) else {
                fail(value, "\"\(text)\" is no section", fix: "write on, off, or its settings indented below it")
                continue
            }
            isOn = state
            if !state {
                for value in values { report.ignore(value) }
                values = []
            }
        }
        return isOn ? child(key, values: values) : nil
    }

    /// The keys of all layers, each once, in the order of first appearance.
    var names: [String] {
        var seen: Set<String> = []
        return layers.flatMap(\.entries).map(\.key).filter { seen.insert($0).inserted }
    }

    /// The section made of those of `values` that are mappings; the others are noted as errors.
    func child(_ key: String, values: [ConfigNode]) -> ConfigSection {
        let mappings = values.filter { node in
            switch node.content {
            case .empty, .mapping:
                return true
            case .scalar, .list:
                failKind(node, expected: "a section", fix: "write its keys indented below it")
                return false
            }
        }
        return ConfigSection(
            path: mappings.last?.path ?? pathTo(key), layers: mappings, position: position, report: report
        )
    }

    private func section(of item: ConfigNode) -> ConfigSection? {
        guard case .mapping = item.content else {
            failKind(item, expected: "a section", fix: "write its keys after the \"- \"")
            return nil
        }
        return ConfigSection(path: item.path, layers: [item], position: item.position, report: report)
    }
}

extension ConfigNode {
    func value(of key: String) -> ConfigNode? {
        entries.first { $0.key == key }?.value
    }
}
