internal import Yams

/// Puts the YAML library's errors into a user's words.
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
                file: file, line: line, problem: "a character that YAML does not allow (\(problem))", mend: "delete it"
            )
        default:
            return ConfigError(file: file, problem: "the file is not YAML", mend: "compare it with the reference")
        }
    }

    private func syntax(_ problem: String, context: YamlError.Context?, _ mark: Mark) -> ConfigError {
        if line(mark.line).prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
            return error(mark, "a tab stands where only spaces may", mend: "indent with spaces")
        }
        if problem == "could not find expected ':'", let start = context?.mark {
            return error(start, "a key without \":\"", mend: "write \"key: value\", with a space after the colon")
        }
        if problem == "mapping values are not allowed in this context" {
            return error(mark, "a second \": \" in one line", mend: "put the value in quotes, or check the indentation")
        }
        if problem.hasPrefix("Maximum nesting level") {
            return error(mark, "sections or lists are nested too deeply", mend: "close some before this line")
        }
        let place = context.map { ", \($0.text) that begins in line \($0.mark.line)" } ?? ""
        return error(
            mark, "not YAML: \(problem)\(place)", mend: "check indentation, quotes and brackets here and just above"
        )
    }

    private func composition(_ problem: String, context: YamlError.Context?, _ mark: Mark) -> ConfigError {
        if problem == "but found another document" {
            return error(mark, "a second document begins here", mend: "delete the line \"---\"")
        }
        if problem == "found undefined alias" {
            return error(
                mark, "aliases (\"*\") are not read", mend: "write the value out; put a text with \"*\" in quotes")
        }
        return error(mark, "not YAML: \(problem)", mend: "compare it with the reference")
    }

    /// The library names the first of two equal keys; the user looks for the second.
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
            mend: "delete one of the two"
        )
    }

    /// The path of a key in block style, found by going up the lines to ever smaller indentations.
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

    private func error(_ mark: Mark, _ problem: String, mend: String) -> ConfigError {
        ConfigError(file: file, line: mark.line, column: mark.column, problem: problem, mend: mend)
    }
}
