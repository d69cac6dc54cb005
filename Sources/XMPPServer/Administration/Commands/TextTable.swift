/// A table of text for people.
public struct TextTable {
    private let head: [String]
    private var rows: [[String]] = []

    /// A table with these headings.
    public init(_ head: [String]) {
        self.head = head.map { $0.uppercased() }
    }

    /// Adds a row, with a text for each column.
    public mutating func add(_ row: [String]) {
        rows.append(row.map(printable))
    }

    /// The table; a sentence if it has no rows.
    public func text(ifEmpty sentence: String) -> String {
        guard !rows.isEmpty else { return sentence }
        let lines = [head] + rows
        let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = zip(line, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let text = cells.joined(separator: "  ")
            return String(text.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    /// Names and values, one pair on each line.
    public static func list(_ entries: [(name: String, value: String)]) -> String {
        let width = entries.map(\.name.count).max() ?? 0
        return entries.map { name, value in
            name + String(repeating: " ", count: width - name.count) + "  " + printable(value)
        }.joined(separator: "\n")
    }
}

/// The text without control characters, which a terminal would obey.
public func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
}

/// Whether a terminal would treat the character as a command.
public func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
}
