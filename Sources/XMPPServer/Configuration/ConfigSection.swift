/// One mapping of the configuration file while it is being read. Reading never throws: a wrong value is reported with
/// its line and a suggested fix, and the default is returned. The same code, run on an empty section that collects the
/// reference, produces the reference.
///
/// A section may have several layers (a profile, then a host's own settings): the topmost layer that has a key wins.
public final class ConfigSection: Sendable {
    /// The keys that lead to this section, such as `hosts.localhost.modules.ping`; empty for the whole file.
    public let path: String
    /// Where errors go.
    public let report: ConfigReport
    /// The mappings that make up this section, lowest first.
    let layers: [ConfigNode]
    /// The place to report if something is missing here.
    let position: ConfigPosition?

    init(path: String, layers: [ConfigNode], position: ConfigPosition?, report: ConfigReport) {
        self.path = path
        self.layers = layers
        self.position = path.isEmpty ? nil : layers.last?.position ?? position
        self.report = report
    }

    /// An empty section with a report of its own: reading it yields the defaults.
    public convenience init() {
        self.init(path: "", layers: [], position: nil, report: ConfigReport(file: "(defaults)"))
    }

    /// True if the file says nothing here.
    public var isEmpty: Bool {
        layers.allSatisfy { $0.entries.isEmpty }
    }

    /// True if the file has no section here, not even an empty one.
    var isMissing: Bool { layers.isEmpty }

    /// Notes an error that the reader has found itself.
    ///
    /// - Parameters:
    ///   - key: the key that is meant; nil for the section as a whole.
    ///   - problem: what is wrong.
    ///   - fix: what the user can do about it.
    public func fail(_ key: String?, _ problem: String, fix: String) {
        report.note(error(key, problem, fix: fix))
    }

    /// An error as `fail` notes it.
    func error(_ key: String?, _ problem: String, fix: String) -> ConfigError {
        if let key, let entry = topmostEntry(key) { return error(entry.value, problem, fix: fix) }
        return ConfigError(
            file: position?.file ?? report.file, line: position?.line, column: position?.column,
            path: key.map(pathTo) ?? path, problem: problem, fix: fix
        )
    }

    /// Marks everything in here as read, so that none of its keys is reported as unknown.
    public func ignore() {
        for layer in layers { report.ignore(layer) }
    }
}

// MARK: - Single values

extension ConfigSection {
    /// A text; any single value counts as its text.
    public func string(_ key: String, default standard: String, _ help: String) -> String {
        collect(key, kind: "text", default: "\"\(standard)\"", help)
        return scalar(key, expected: "a text", fix: "write one text, in quotes if it has special characters")
            ?? standard
    }

    /// A text that may be left out.
    public func optionalString(_ key: String, _ help: String) -> String? {
        collect(key, kind: "text", default: "none", help)
        return scalar(key, expected: "a text", fix: "write one text, in quotes if it has special characters")
    }

    /// A whole number within bounds.
    public func integer(_ key: String, default standard: Int, in range: ClosedRange<Int>, _ help: String) -> Int {
        let bounds = boundsText(range, String.init)
        collect(key, kind: "number \(bounds)", default: "\(standard)", help)
        return value(key, expected: "a whole number", fix: "write a number \(bounds)", in: range) {
            Int($0.filter { $0 != "_" })
        } ?? standard
    }

    /// An amount of bytes within bounds, written as `16 KiB` or `16384`.
    public func byteCount(_ key: String, default standard: Int, in range: ClosedRange<Int>, _ help: String) -> Int {
        let bounds = boundsText(range) { ByteCount($0).description }
        collect(key, kind: "bytes \(bounds)", default: ByteCount(standard).description, help)
        return value(key, expected: "an amount of bytes", fix: "write it as \"16 KiB\", \(bounds)", in: range) {
            ByteCount($0)?.bytes
        } ?? standard
    }

    /// A duration within bounds, written as `5s`, `10 min`, `1h` or `250ms`.
    public func duration(
        _ key: String, default standard: Duration, in range: ClosedRange<Duration>, _ help: String
    ) -> Duration {
        let bounds = "from \(range.lowerBound.text) to \(range.upperBound.text)"
        collect(key, kind: "duration \(bounds)", default: standard.text, help)
        return value(key, expected: "a duration", fix: "write it as \"30 s\" or \"10 min\", \(bounds)", in: range) {
            Duration(text: $0)
        } ?? standard
    }

    /// A switch: `true`, `on`, `yes` or `false`, `off`, `no`.
    public func boolean(_ key: String, default standard: Bool, _ help: String) -> Bool {
        collect(key, kind: "true or false", default: "\(standard)", help)
        guard let node = present(key) else { return standard }
        guard let text = text(of: node, expected: "true or false", fix: "write true or false") else { return standard }
        if let value = switchValue(text) { return value }
        fail(node, "\"\(text)\" is neither true nor false", fix: "write true or false")
        return standard
    }

    /// One word out of those of an enumeration.
    public func choice<E: RawRepresentable & CaseIterable>(
        _ key: String, default standard: E, _ help: String
    ) -> E where E.RawValue == String {
        let words = E.allCases.map(\.rawValue)
        collect(key, kind: alternatives(words), default: standard.rawValue, help)
        guard let node = present(key) else { return standard }
        return choice(node, words) ?? standard
    }
}

// MARK: - Lists of values

extension ConfigSection {
    /// A list of texts.
    public func strings(_ key: String, default standard: [String], _ help: String) -> [String] {
        collect(key, kind: "list of texts", default: listText(standard), help)
        guard let items = listItems(key) else { return standard }
        return items.compactMap { text(of: $0, expected: "a text", fix: "write one text for each item") }
    }

    /// A list of words out of those of an enumeration, in the file's order, each at most once.
    public func choices<E: RawRepresentable & CaseIterable & Equatable>(
        _ key: String, default standard: [E], _ help: String
    ) -> [E] where E.RawValue == String {
        let words = E.allCases.map(\.rawValue)
        collect(
            key, kind: "list of \(words.joined(separator: ", "))", default: listText(standard.map(\.rawValue)), help)
        guard let items = listItems(key) else { return standard }
        var chosen: [E] = []
        for item in items {
            guard let element: E = choice(item, words) else { continue }
            if chosen.contains(element) {
                fail(item, "\"\(element.rawValue)\" stands here twice", fix: "delete one of the two")
            } else {
                chosen.append(element)
            }
        }
        return chosen
    }
}

// MARK: - Values of other types

extension ConfigSection {
    /// A value that has a text form of its own and may be left out.
    ///
    /// - Parameters:
    ///   - expected: what it is, such as "an IP address".
    ///   - example: one, or some joined by "or", as they would be written.
    public func optionalValue<Value: LosslessStringConvertible>(
        _ key: String, expected: String, example: String, _ help: String
    ) -> Value? {
        collect(key, kind: expected, default: "none", help)
        guard let node = present(key) else { return nil }
        return self.value(node, expected: expected, example: example)
    }

    /// A list of values that have a text form of their own; wrong ones are noted and left out.
    ///
    /// - Parameters:
    ///   - expected: what each of them is, such as "an IP address".
    ///   - example: one, or some joined by "or", as they would be written.
    public func values<Value: LosslessStringConvertible>(
        _ key: String, default standard: [Value], expected: String, example: String, _ help: String
    ) -> [Value] {
        collect(key, kind: "list, each \(expected)", default: listText(standard.map(\.description)), help)
        guard let items = listItems(key) else { return standard }
        return items.compactMap { self.value($0, expected: expected, example: example) }
    }

    /// True if the file has an empty list here.
    public func hasEmptyList(_ key: String) -> Bool {
        switch topmostEntry(key)?.value.content {
        case .empty: true
        case .list(let items): items.isEmpty
        case .scalar, .mapping, nil: false
        }
    }

    /// Notes an error about one item of a list that the reader has found itself.
    public func fail(_ key: String, item: String, _ problem: String, fix: String) {
        if let node = topmostEntry(key)?.value, case .list(let items) = node.content,
            let wrong = items.first(where: { $0.scalarText == item })
        {
            fail(wrong, problem, fix: fix)
        } else {
            fail(key, problem, fix: fix)
        }
    }

    private func value<Value: LosslessStringConvertible>(
        _ node: ConfigNode, expected: String, example: String
    ) -> Value? {
        let fix = "write it as \(example)"
        guard let text = text(of: node, expected: expected, fix: fix) else { return nil }
        if let value = Value(text) { return value }
        fail(node, "\"\(text)\" is not \(expected)", fix: fix)
        return nil
    }
}

// MARK: - Looking up and checking

extension ConfigSection {
    func pathTo(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    func fail(_ node: ConfigNode, _ problem: String, fix: String) {
        report.note(error(node, problem, fix: fix))
    }

    private func error(_ node: ConfigNode, _ problem: String, fix: String) -> ConfigError {
        ConfigError(
            file: node.position.file, line: node.position.line, column: node.position.column,
            path: node.path, problem: problem, fix: fix
        )
    }

    func topmostEntry(_ key: String) -> ConfigEntry? {
        for layer in layers.reversed() {
            if let entry = layer.entries.first(where: { $0.key == key }) { return entry }
        }
        return nil
    }

    /// The value of `key`; notes that it is asked for.
    func present(_ key: String) -> ConfigNode? {
        report.noteAsked(key, in: layers)
        return topmostEntry(key)?.value
    }

    /// Notes that something else stands where `expected` belongs.
    func failKind(_ node: ConfigNode, expected: String, fix: String) {
        report.ignore(node)
        fail(node, "expected \(expected), found \(node.kindName)", fix: fix)
    }

    func text(of node: ConfigNode, expected: String, fix: String) -> String? {
        if case .scalar(let text) = node.content { return text }
        failKind(node, expected: expected, fix: fix)
        return nil
    }

    private func scalar(_ key: String, expected: String, fix: String) -> String? {
        present(key).flatMap { text(of: $0, expected: expected, fix: fix) }
    }

    private func value<Value: Comparable>(
        _ key: String, expected: String, fix: String, in range: ClosedRange<Value>, parse: (String) -> Value?
    ) -> Value? {
        guard let node = present(key), let text = text(of: node, expected: expected, fix: fix) else { return nil }
        guard let value = parse(text) else {
            fail(node, "\"\(text)\" is not \(expected)", fix: fix)
            return nil
        }
        guard range.contains(value) else {
            fail(node, "\(text) is out of bounds", fix: fix)
            return nil
        }
        return value
    }

    private func choice<E: RawRepresentable>(_ node: ConfigNode, _ words: [String]) -> E? where E.RawValue == String {
        let fix = "write \(alternatives(words))"
        guard let text = text(of: node, expected: "one word", fix: fix) else { return nil }
        if let value = E(rawValue: text) { return value }
        let nearest = nearestWord(to: text, among: words).map { "did you mean \"\($0)\"?" }
        fail(node, "\"\(text)\" is not known here", fix: nearest ?? fix)
        return nil
    }

    private func listItems(_ key: String) -> [ConfigNode]? {
        guard let node = present(key) else { return nil }
        switch node.content {
        case .empty:
            return []
        case .list(let items):
            return items
        case .scalar(let text):
            fail(node, "expected a list, found a single value", fix: "write [\(text)]")
        case .mapping:
            failKind(node, expected: "a list", fix: "begin each item with \"- \"")
        }
        return nil
    }

    func collect(_ key: String, kind: String, default standard: String, _ help: String) {
        guard report.collectsReference else { return }
        report.collect(ReferenceItem(section: path, key: key, kind: kind, standard: standard, help: help))
    }
}

/// The value of a switch; nil if the text is none.
func switchValue(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "on", "yes": true
    case "false", "off", "no": false
    default: nil
    }
}

private func boundsText(_ range: ClosedRange<Int>, _ text: (Int) -> String) -> String {
    range.upperBound == .max
        ? "of at least \(text(range.lowerBound))"
        : "from \(text(range.lowerBound)) to \(text(range.upperBound))"
}

private func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
}

private func listText(_ words: [String]) -> String {
    "[\(words.joined(separator: ", "))]"
}
