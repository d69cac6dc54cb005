import CQRencode

/// A text as a QR code.
struct QRCode {
    /// The modules along each side, and which of them are dark, row by row.
    let width: Int
    let isDark: [Bool]

    /// - Returns: nil if the text is too long for a code.
    init?(_ text: String) {
        guard let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { return nil }
        defer { QRcode_free(code) }
        width = Int(code.pointee.width)
        let count = width * width
        guard let data = code.pointee.data else { return nil }
        isDark = (0..<count).map { data[$0] & 1 == 1 }
    }

    /// Light modules around the code, which scanners need.
    private static let margin = 4

    /// The code for a terminal, two rows of modules per line: dark on light, whatever the terminal's colours.
    var terminalText: String {
        let rows = stride(from: -Self.margin, to: width + Self.margin, by: 2)
        let columns = -Self.margin..<(width + Self.margin)
        return rows.map { row in
            "\u{1B}[30;107m"
                + columns.map { column in
                    switch (isDark(row, column), isDark(row + 1, column)) {
                    case (true, true): "\u{2588}"
                    case (true, false): "\u{2580}"
                    case (false, true): "\u{2584}"
                    case (false, false): " "
                    }
                }.joined() + "\u{1B}[0m\n"
        }.joined()
    }

    private func isDark(_ row: Int, _ column: Int) -> Bool {
        guard (0..<width).contains(row), (0..<width).contains(column) else { return false }
        return isDark[row * width + column]
    }
}
