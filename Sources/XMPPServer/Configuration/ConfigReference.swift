/// One key of the reference.
struct ReferenceItem: Hashable, Sendable {
    static let sectionKind = "section"
    static let sectionsKind = "named sections"
    static let listKind = "list of sections"

    /// The path of the section that the key belongs to.
    let section: String
    let key: String
    let kind: String
    /// The default value as it would be written.
    let standard: String
    let help: String

    /// The path of the section that this key opens; nil for a value.
    var opens: String? {
        let path = section.isEmpty ? key : "\(section).\(key)"
        return switch kind {
        case Self.sectionKind: path
        case Self.sectionsKind: "\(path).<name>"
        case Self.listKind: "\(path)[]"
        default: nil
        }
    }
}

/// The reference as Markdown: a heading for each section, below it a table of its keys.
struct ConfigReference {
    private let items: [ReferenceItem]

    init(_ items: [ReferenceItem]) {
        self.items = items
    }

    var markdown: String {
        var text = ""
        appendSection("", help: "", to: &text)
        return text
    }

    private func appendSection(_ path: String, help: String, to text: inout String) {
        let own = items.filter { $0.section == path }
        let values = own.filter { $0.opens == nil }
        if !path.isEmpty {
            text += "## `\(path)`\n\n"
            if !help.isEmpty { text += "\(help)\n\n" }
        }
        if !values.isEmpty {
            text += "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
            for item in values {
                text += "| `\(item.key)` | \(cell(item.kind)) | `\(cell(item.standard))` | \(cell(item.help)) |\n"
            }
            text += "\n"
        }
        for item in own {
            if let opened = item.opens { appendSection(opened, help: item.help, to: &text) }
        }
    }

    private func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
