internal import Yams

/// Explains errors of the YAML library to users.
struct YAMLSyntaxError {
    let file: String
    private let lines: [Substring]

    init(file: String, text: String) {
        self.file = file
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    func explain(_ error: any Error) -> ConfigError {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            return syntax(problem, context: context, mark)
        case .composer(let context, let problem, let mark, _):
            return composition(problem, context: context, mark)
        case .duplicatedKeysInMapping(let duplicates, let context):
            return duplicate(duplicates.first ?? "", context.mark)
        case .reader(let problem, let offset, _, let yaml):
            let before = yaml.prefix(offset ?? 0)
            let line = before.count { $0 == "\n" || $0 == "\r\n" } + 1
            return ConfigError(
                file: file, line: line, problem: "a character that YAML does not allow (\(problem))", fix: "delete it"
            )
        default:
            return ConfigError(file: file, problem: "the file is not YAML", fix: "compare it with the reference")
        }
    }

    private func syntax(_ problem: String, context: YamlError.Context?, _ mark: Mark) -> ConfigError {
        if line(mark.line).prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
            return error(mark, "a tab stands where only spaces may", fix: "indent with spaces")
        }
        if problem == "could not find expected ':'", let start = context?.mark {
            return error(start, "a key without \":\"", fix: "write \"key: value\", with a space after the colon")
        }
        if problem == "found unexpected end of stream", let start = context?.mark {
            return error(start, "a quotation mark that nothing closes", fix: "close it in the same line")
        }
        if problem == "mapping values are not allowed in this context" {
            return misplaced(mark)
                ?? error(mark, "a second \": \" in one line", fix: "put the value in quotes, or check the indentation")
        }
        if problem == "did not find expected key" || problem == "did not find expected '-' indicator",
            let misplaced = misplaced(mark)
        {
            return misplaced
        }
        if problem.hasPrefix("Maximum nesting level") {
            return error(mark, "sections or lists are nested too deeply", fix: "close some before this line")
        }
        let place = context.map { ", \($0.text) that begins in line \($0.mark.line)" } ?? ""
        return error(
            mark, "not YAML: \(problem)\(place)", fix: "check indentation, quotes and brackets here and just above"
        )
    }

    /// What is wrong with the indentation of a line; nil: nothing.
    private func misplaced(_ mark: Mark) -> ConfigError? {
        let earlier = lines.prefix(max(0, mark.line - 1)).indices.filter { isContent(lines[$0]) }
        guard let previous = earlier.last, isContent(line(mark.line)) else { return nil }
        let indent = indentation(line(mark.line)), before = lines[previous]
        if !hasKey(before), before.first(where: { $0 != " " })?.isLetter == true, indentation(before) <= indent {
            // It was read as a text that continues in this line.
            return ConfigError(
                file: file, line: previous + 1, column: indentation(before) + 1, problem: "a key without \":\"",
                fix: "write \"key: value\", with a space after the colon")
        }
        if indent > contentIndentation(before), !endsWithColon(before) {
            return error(
                mark, "the line is indented further than the one above it, which has its value already",
                fix: "begin it below \"\(before.drop { $0 == " " }.prefix { $0 != ":" })\"")
        }
        let open = openIndentations(earlier)
        guard !open.contains(indent) else {
            guard !isItem(line(mark.line)),
                earlier.contains(where: { indentation(lines[$0]) == indent && isItem(lines[$0]) })
            else { return nil }
            return error(mark, "a line between the items of a list", fix: "begin it with \"- \", or indent it further")
        }
        let choices = open.sorted().map(String.init).joined(separator: " or ")
        return error(
            mark, "the line is indented by \(indent), as none above is",
            fix: "indent it by \(choices), as what it belongs to")
    }

    /// The indentations of sections that may continue after these lines.
    private func openIndentations(_ earlier: [Int]) -> Set<Int> {
        var open: Set<Int> = []
        var least = Int.max
        for index in earlier.reversed() {
            let content = contentIndentation(lines[index]), indent = indentation(lines[index])
            if content < least { open.insert(content) }
            if indent < least { open.insert(indent) }
            least = min(least, indent)
        }
        return open
    }

    private func isContent(_ line: Substring) -> Bool {
        guard let first = line.first(where: { $0 != " " && $0 != "\r" }) else { return false }
        return first != "#"
    }

    private func hasKey(_ line: Substring) -> Bool {
        line.contains(": ") || endsWithColon(line)
    }

    private func isItem(_ line: Substring) -> Bool {
        line.drop { $0 == " " }.hasPrefix("- ")
    }

    /// Where a line's key begins, after the list marker.
    private func contentIndentation(_ line: Substring) -> Int {
        line.prefix { $0 == " " || $0 == "-" }.count
    }

    private func endsWithColon(_ line: Substring) -> Bool {
        let text = line.prefix { $0 != "#" }
        return text.last { $0 != " " && $0 != "\r" } == ":"
    }

    private func composition(_ problem: String, context: YamlError.Context?, _ mark: Mark) -> ConfigError {
        if problem == "but found another document" {
            return error(mark, "a second document begins here", fix: "delete the line \"---\"")
        }
        if problem == "found undefined alias" {
            return error(
                mark, "aliases (\"*\") are not read", fix: "write the value out; put a text with \"*\" in quotes")
        }
        return error(mark, "not YAML: \(problem)", fix: "compare it with the reference")
    }

    /// The library names the first of two equal keys; users look for the second.
    private func duplicate(_ key: String, _ first: Mark) -> ConfigError {
        let indent = first.column - 1
        let second = lines.indices.dropFirst(first.line).prefix { index in
            let line = lines[index]
            return line.allSatisfy { $0 == " " } || line.drop { $0 == " " }.first == "#" || indentation(line) >= indent
        }.first { index in
            let line = lines[index]
            return indentation(line) == indent && keyText(line) == key
        }
        return ConfigError(
            file: file, line: second.map { $0 + 1 } ?? first.line, column: first.column,
            path: path(to: key, at: first), problem: "the key stands here twice, first in line \(first.line)",
            fix: "delete one of the two"
        )
    }

    /// The path of a key in block style, found from the lines before with ever smaller indentation.
    private func path(to key: String, at mark: Mark) -> String {
        var path = [key]
        var indent = mark.column - 1
        for line in lines.prefix(max(0, mark.line - 1)).reversed() where indent > 0 {
            guard let parent = keyText(line), indentation(line) < indent else { continue }
            path.append(parent)
            indent = indentation(line)
        }
        return path.reversed().joined(separator: ".")
    }

    private func keyText(_ line: Substring) -> String? {
        let content = line.drop { $0 == " " }
        guard content.first != "#", content.first != "-", let colon = content.firstIndex(of: ":") else { return nil }
        return String(content[..<colon].filter { $0 != "\"" && $0 != "'" })
    }

    private func indentation(_ line: Substring) -> Int {
        line.prefix { $0 == " " }.count
    }

    private func line(_ number: Int) -> Substring {
        lines.indices.contains(number - 1) ? lines[number - 1] : ""
    }

    private func error(_ mark: Mark, _ problem: String, fix: String) -> ConfigError {
        ConfigError(file: file, line: mark.line, column: mark.column, problem: problem, fix: fix)
    }
}
