/// A list of texts in one column: each is followed by U+001F, which XML does not allow.
enum TextList {
    private static let end: Character = "\u{1F}"

    static func encode(_ texts: [String]) -> String {
        texts.reduce(into: "") { list, text in
            list += text
            list.append(end)
        }
    }

    static func decode(_ list: String) -> [String] {
        list.split(separator: end, omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}
