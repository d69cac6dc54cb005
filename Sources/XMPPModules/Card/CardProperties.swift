import XMPPServer

/// What a card says that both vCards can say, XEP-0054's and XEP-0292's.
struct CardProperties: Hashable, Sendable {
    /// One property, such as a telephone number.
    private struct Property: Hashable, Sendable {
        /// The rule that it is written by: its index.
        let rule: Int
        /// As many as the rule has parts; any number where it is a list.
        let values: [String]
        /// Indices of what it is for, such as work.
        var types: Set<Int> = []
        var isPreferred = false
    }

    /// How a property is written in both.
    private struct Rule: Sendable {
        /// How the values stand in an element.
        enum Shape: Sendable {
            /// One, which is the text of the old element.
            case text
            /// One for each part.
            case parts
            /// Any number; in the old element the first part has the first, the last all others.
            case list
            /// Two numbers, which are one URI in the new element.
            case place
        }

        let old: StaticString
        let new: StaticString
        var shape = Shape.text
        var oldParts: [StaticString] = []
        /// In the new element; alone where values are all of one kind.
        var newParts: [StaticString] = ["text"]
        /// Begins the new element's value, where that is a URI.
        var scheme = ""
        /// Whether that is written; it is understood anyway.
        var writesScheme = true
        var isTyped = false
    }

    private static let rules: [Rule] = [
        Rule(old: "FN", new: "fn"),
        Rule(
            old: "N", new: "n", shape: .parts, oldParts: ["FAMILY", "GIVEN", "MIDDLE", "PREFIX", "SUFFIX"],
            newParts: ["surname", "given", "additional", "prefix", "suffix"]),
        Rule(old: "NICKNAME", new: "nickname"),
        Rule(old: "BDAY", new: "bday", newParts: ["date"]),
        Rule(
            old: "ADR", new: "adr", shape: .parts,
            oldParts: ["POBOX", "EXTADD", "STREET", "LOCALITY", "REGION", "PCODE", "CTRY"],
            newParts: ["pobox", "ext", "street", "locality", "region", "code", "country"], isTyped: true),
        Rule(old: "TEL", new: "tel", oldParts: ["NUMBER"], scheme: "tel:", writesScheme: false, isTyped: true),
        Rule(old: "EMAIL", new: "email", oldParts: ["USERID"], isTyped: true),
        Rule(old: "JABBERID", new: "impp", newParts: ["uri"], scheme: "xmpp:"),
        Rule(old: "TZ", new: "tz"),
        Rule(old: "GEO", new: "geo", shape: .place, oldParts: ["LAT", "LON"], newParts: ["uri"], scheme: "geo:"),
        Rule(old: "TITLE", new: "title"),
        Rule(old: "ROLE", new: "role"),
        Rule(old: "ORG", new: "org", shape: .list, oldParts: ["ORGNAME", "ORGUNIT"]),
        Rule(old: "CATEGORIES", new: "categories", shape: .list, oldParts: ["KEYWORD"]),
        Rule(old: "DESC", new: "note"),
        // Read alone: it is written as the one before.
        Rule(old: "NOTE", new: "note"),
        Rule(old: "URL", new: "url", newParts: ["uri"]),
    ]

    private static let description = 14
    private static let note = 15

    /// What something is for, in both.
    private static let types: [(old: StaticString, new: StaticString)] = [
        ("HOME", "home"), ("WORK", "work"), ("VOICE", "voice"), ("FAX", "fax"), ("CELL", "cell"), ("VIDEO", "video"),
        ("PAGER", "pager"), ("MSG", "text"),
    ]

    private let properties: [Property]

    // MARK: XEP-0054

    /// What a vCard says.
    init(vCard: Element) {
        let found = vCard.children.compactMap { child -> Property? in
            guard child.isIn(.vCard), let index = Self.rules.firstIndex(where: { child.hasName($0.old) }) else {
                return nil
            }
            let rule = Self.rules[index]
            let values: [String] =
                switch rule.shape {
                case .list:
                    child.children.filter { part in rule.oldParts.contains { part.isNamed($0, .vCard) } }.map {
                        Self.trimmed($0.text)
                    }
                case .text where rule.oldParts.isEmpty: [Self.trimmed(child.text)]
                case .text, .parts, .place:
                    rule.oldParts.map { Self.trimmed(child.child($0, .vCard)?.text ?? "") }
                }
            return Self.property(
                index, values, types: { rule.isTyped && child.hasChild(Self.types[$0].old, .vCard) },
                isPreferred: rule.isTyped && child.hasChild("PREF", .vCard))
        }
        properties = Self.ordered(found)
    }

    /// Writes a vCard that says this.
    ///
    /// - Parameter other: what it says beside that, which both forms cannot, is kept; nil: nothing.
    func write(keeping other: Element?, to writer: inout XMLWriter) {
        Self.write("vCard", .vCard, keeping: other, leavingOut: \.old, to: &writer) { writer in
            for property in properties { Self.write(property, to: &writer) }
        }
    }

    private static func write(_ property: Property, to writer: inout XMLWriter) {
        let rule = rules[property.rule]
        writer.element(rule.old, .vCard) { writer in
            if rule.isTyped {
                for type in property.types.sorted() { writer.element(types[type].old) }
                if property.isPreferred { writer.element("PREF") }
            }
            switch rule.shape {
            case .text where rule.oldParts.isEmpty: writer.text(property.values[0])
            case .text, .parts, .place:
                for (part, value) in zip(rule.oldParts, property.values) where !value.isEmpty {
                    writer.element(part, text: value)
                }
            case .list:
                for (index, value) in property.values.enumerated() {
                    writer.element(rule.oldParts[min(index, rule.oldParts.count - 1)], text: value)
                }
            }
        }
    }

    // MARK: XEP-0292

    /// What a vCard4 says.
    init(vCard4: Element) {
        let found = vCard4.children.compactMap { child -> Property? in
            guard child.isIn(VCard4.namespace), let index = Self.rules.firstIndex(where: { child.hasName($0.new) })
            else {
                return nil
            }
            let rule = Self.rules[index]
            let parameters = child.child("parameters", VCard4.namespace)
            let texts = parameters?.child("type", VCard4.namespace)?.children.map { Self.trimmed($0.text).lowercased() }
            let types = Set(texts ?? [])
            let parts = child.children.filter { !$0.hasName("parameters") }
            let values: [String]
            switch rule.shape {
            case .parts: values = rule.newParts.map { Self.trimmed(child.child($0, VCard4.namespace)?.text ?? "") }
            case .list: values = parts.map { Self.trimmed($0.text) }
            case .text, .place:
                var text = Self.trimmed(parts.first?.text ?? "")
                if text.hasPrefix(rule.scheme) { text = String(text.dropFirst(rule.scheme.count)) }
                guard rule.shape == .place else {
                    values = [text]
                    break
                }
                // RFC 5870: what follows are a third number, and parameters.
                let numbers = text.prefix { $0 != ";" }.split(separator: ",").prefix(2).map(String.init)
                values = numbers.count == 2 ? numbers : ["", ""]
            }
            return Self.property(
                index, values, types: { rule.isTyped && types.contains("\(Self.types[$0].new)") },
                isPreferred: rule.isTyped && parameters?.hasChild("pref", VCard4.namespace) == true)
        }
        properties = Self.ordered(found)
    }

    /// Writes a vCard4 that says this.
    ///
    /// - Parameter other: as above.
    func write4(keeping other: Element?, to writer: inout XMLWriter) {
        Self.write("vcard", VCard4.namespace, keeping: other, leavingOut: \.new, to: &writer) { writer in
            for property in properties { Self.write4(property, to: &writer) }
        }
    }

    private static func write4(_ property: Property, to writer: inout XMLWriter) {
        let rule = rules[property.rule]
        writer.element(rule.new, VCard4.namespace) { writer in
            writePurpose(of: property, to: &writer)
            switch rule.shape {
            case .text:
                writer.element(rule.newParts[0], text: (rule.writesScheme ? rule.scheme : "") + property.values[0])
            case .place: writer.element(rule.newParts[0], text: rule.scheme + property.values.joined(separator: ","))
            case .list: for value in property.values { writer.element(rule.newParts[0], text: value) }
            case .parts:
                for (part, value) in zip(rule.newParts, property.values) { writer.element(part, text: value) }
            }
        }
    }

    private static func writePurpose(of property: Property, to writer: inout XMLWriter) {
        guard !property.types.isEmpty || property.isPreferred else { return }
        writer.element("parameters") { writer in
            if !property.types.isEmpty {
                writer.element("type") { writer in
                    for type in property.types.sorted() { writer.element("text", text: "\(types[type].new)") }
                }
            }
            if property.isPreferred { writer.element("pref") { $0.element("integer", text: "1") } }
        }
    }

    // MARK: Both

    /// Writes a card: what `other` has that no rule is about, copied whole, as whatever its parts share stands in it once, then the
    /// properties.
    private static func write(
        _ name: StaticString, _ namespace: Namespace, keeping other: Element?,
        leavingOut part: @escaping (Rule) -> StaticString, to writer: inout XMLWriter,
        _ properties: (inout XMLWriter) -> Void
    ) {
        guard let other else { return writer.element(name, namespace) { properties(&$0) } }
        var added = XMLWriter()
        properties(&added)
        writer.stanza(
            other, leavingOut: { child in rules.contains { child.isNamed(part($0), namespace) } },
            appending: added.finish())
    }

    /// The property; nil: it says nothing.
    private static func property(
        _ rule: Int, _ values: [String], types isOfType: (Int) -> Bool, isPreferred: Bool
    ) -> Property? {
        let values = rules[rule].shape == .list ? values.filter { !$0.isEmpty } : values
        guard values.contains(where: { !$0.isEmpty }) else { return nil }
        let rule = rule == note ? description : rule
        return Property(
            rule: rule, values: values, types: Set(types.indices.filter(isOfType)), isPreferred: isPreferred)
    }

    /// In the order of the rules: it says nothing, and differs between programs.
    private static func ordered(_ properties: [Property]) -> [Property] {
        properties.enumerated().sorted { ($0.element.rule, $0.offset) < ($1.element.rule, $1.offset) }.map(\.element)
    }

    private static func trimmed(_ text: String) -> String {
        let isBlank = { (character: Character) in character.isWhitespace }
        let start = text.drop(while: isBlank)
        return String(start.prefix(start.count - start.reversed().prefix(while: isBlank).count))
    }
}
