internal import Yams

/// Turns YAML into nodes that know their place. Stricter than YAML: one document, a mapping at its root, plain texts as
/// keys, each key once, no anchors and no aliases.
struct YAMLReader {
    let file: String
    let text: String

    /// The root mapping; nil if the file is empty.
    func read() throws(ConfigError) -> ConfigNode? {
        guard text.utf8.count <= ConfigFile.largestSize else {
            let size = ByteCount(ConfigFile.largestSize)
            throw ConfigError(file: file, problem: "the file is larger than \(size)", fix: "make it smaller")
        }
        try refuseManyAliases()
        let parser: Parser
        let node: Node?
        do {
            parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            node = try parser.singleRoot()
        } catch {
            throw YAMLSyntaxError(file: file, text: text).explain(error)
        }
        guard let node else { return nil }
        let root = try convert(node, path: "", key: nil)
        // Nodes hold their anchors weakly; the parser is their owner.
        withExtendedLifetime(parser) {}
        switch root.content {
        case .mapping: return root
        case .empty: return nil
        case .scalar, .list:
            throw error(
                at: root.position, path: "", "expected a section at the top of the file, found \(root.kindName)",
                fix: "begin with a key such as \"hosts:\""
            )
        }
    }

    /// Aliases are refused after parsing, with their places. But as keys, a few dozen that refer to each other would
    /// keep the parser comparing for years.
    private func refuseManyAliases() throws(ConfigError) {
        var count = 0
        var first: Int?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var previous: Character = " "
            for character in line {
                if character == "#", previous == " " { break }
                if character == "*", " [{,:-".contains(previous) {
                    count += 1
                    first = first ?? index + 1
                }
                previous = character
            }
        }
        guard count > 32 else { return }
        throw ConfigError(
            file: file, line: first, problem: "aliases (\"*\") are not read", fix: "write the values out"
        )
    }

    private func convert(_ node: Node, path: String, key: ConfigPosition?) throws(ConfigError) -> ConfigNode {
        let own = position(node) ?? key ?? ConfigPosition(file: file, line: 1, column: 1)
        guard node.anchor == nil else {
            throw error(
                at: own, path: path, "anchors (\"&\") and aliases (\"*\") are not read",
                fix: "write the value out; sets of settings are shared by profiles"
            )
        }
        switch node {
        case .scalar(let scalar):
            if scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
                return ConfigNode(.empty, at: key ?? own, path: path)
            }
            return ConfigNode(.scalar(scalar.string), at: own, path: path)
        case .sequence(let sequence):
            var items: [ConfigNode] = []
            for (index, item) in sequence.enumerated() {
                items.append(try convert(item, path: "\(path)[\(index)]", key: nil))
            }
            return ConfigNode(.list(items), at: key ?? own, path: path)
        case .mapping(let mapping):
            var entries: [ConfigEntry] = []
            for (keyNode, value) in mapping {
                entries.append(try convert(keyNode, value, below: path, fallback: own))
            }
            return ConfigNode(.mapping(entries), at: key ?? own, path: path)
        case .alias:
            throw error(at: own, path: path, "aliases (\"*\") are not read", fix: "write the value out")
        }
    }

    private func convert(
        _ keyNode: Node, _ value: Node, below path: String, fallback: ConfigPosition
    ) throws(ConfigError) -> ConfigEntry {
        let place = position(keyNode) ?? fallback
        guard case .scalar(let scalar) = keyNode, keyNode.anchor == nil, !scalar.string.isEmpty else {
            throw error(at: place, path: path, "a key is not a single text", fix: "write keys as \"name: value\"")
        }
        let own = path.isEmpty ? scalar.string : "\(path).\(scalar.string)"
        return ConfigEntry(key: scalar.string, position: place, value: try convert(value, path: own, key: place))
    }

    private func position(_ node: Node) -> ConfigPosition? {
        node.mark.map { ConfigPosition(file: file, line: $0.line, column: $0.column) }
    }

    private func error(
        at position: ConfigPosition, path: String, _ problem: String, fix: String
    ) -> ConfigError {
        ConfigError(
            file: position.file, line: position.line, column: position.column, path: path, problem: problem, fix: fix
        )
    }
}
