/// A text in which `*` matches anything and `{{name}}` the known or newly captured value of that name.
struct TextPattern {
    private enum Part {
        case literal(String)
        case anything
        case capture(String)
    }

    private let parts: [Part]

    init(_ text: String, known: [String: String]) {
        var parts: [Part] = []
        var literal = ""
        var rest = text[...]
        func endLiteral() {
            if !literal.isEmpty { parts.append(.literal(literal)) }
            literal = ""
        }
        while let first = rest.first {
            if rest.hasPrefix("{{"), let end = rest.firstRange(of: "}}") {
                let name = String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end.lowerBound])
                if let value = known[name] ?? Self.computed(name, known: known) {
                    literal += value
                } else {
                    endLiteral()
                    parts.append(.capture(name))
                }
                rest = rest[end.upperBound...]
            } else {
                if first == "*" {
                    endLiteral()
                    parts.append(.anything)
                } else {
                    literal.append(first)
                }
                rest = rest.dropFirst()
            }
        }
        endLiteral()
        self.parts = parts
    }

    /// - Returns: the captured values, or nil if the text does not match.
    func match(_ text: String) -> [String: String]? {
        Self.match(parts[...], text[...])
    }

    private static func match(_ parts: ArraySlice<Part>, _ text: Substring) -> [String: String]? {
        guard let first = parts.first else { return text.isEmpty ? [:] : nil }
        switch first {
        case .literal(let literal):
            guard text.hasPrefix(literal) else { return nil }
            return match(parts.dropFirst(), text.dropFirst(literal.count))
        case .anything, .capture:
            var end = parts.count == 1 ? text.endIndex : text.startIndex
            while true {
                if var found = match(parts.dropFirst(), text[end...]) {
                    if case .capture(let name) = first { found[name] = String(text[..<end]) }
                    return found
                }
                guard end < text.endIndex else { return nil }
                end = text.index(after: end)
            }
        }
    }

    /// The text with all names replaced by their values; `{{x*100}}` is a hundred times x; `{{proof …}}`, `{{answer
    /// …}}` and `{{scram …}}` are made by `TokenProofs` and `SCRAMProofs`.
    static func fill(_ text: String, known: [String: String]) throws -> String {
        var result = ""
        var rest = text[...]
        while let begin = rest.firstRange(of: "{{"), let end = rest[begin.upperBound...].firstRange(of: "}}") {
            result += rest[..<begin.lowerBound]
            let name = String(rest[begin.upperBound..<end.lowerBound])
            if let value = known[name] ?? computed(name, known: known) {
                result += value
            } else if let star = name.lastIndex(of: "*"), let count = Int(name[name.index(after: star)...]) {
                result += String(repeating: String(name[..<star]), count: count)
            } else {
                throw ConversationFailure("nothing is known under the name {{\(name)}}")
            }
            rest = rest[end.upperBound...]
        }
        return result + rest
    }

    private static func computed(_ name: String, known: [String: String]) -> String? {
        TokenProofs.value(name, known: known) ?? SCRAMProofs.value(name, known: known)
    }
}
