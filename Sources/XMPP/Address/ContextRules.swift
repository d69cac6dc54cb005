/// The rules for code points that are valid in certain contexts only (RFC 5892, appendix A).
///
/// What a rule needs of the whole string is determined once, so that the cost is linear even in a string of such code
/// points only.
struct ContextRules {
    private let scalars: [Unicode.Scalar]
    private let hasKanaOrHan: Bool
    private let hasArabicIndicDigit: Bool
    private let hasExtendedArabicIndicDigit: Bool

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
        hasKanaOrHan = scalars.contains { Self.properties($0).script == .kanaOrHan }
        hasArabicIndicDigit = scalars.contains { ("\u{660}"..."\u{669}").contains($0) }
        hasExtendedArabicIndicDigit = scalars.contains { ("\u{6F0}"..."\u{6F9}").contains($0) }
    }

    /// Whether the code point there, one with a rule, is allowed there.
    func allow(at index: Int) -> Bool {
        switch scalars[index] {
        case "\u{200C}":
            // ZERO WIDTH NON-JOINER
            followsVirama(index) || joinsLetters(index)
        case "\u{200D}":
            // ZERO WIDTH JOINER
            followsVirama(index)
        case "\u{B7}":
            // MIDDLE DOT: the Catalan l·l
            before(index) == "l" && after(index) == "l"
        case "\u{375}":
            // GREEK LOWER NUMERAL SIGN
            after(index).map { Self.properties($0).script == .greek } ?? false
        case "\u{5F3}", "\u{5F4}":
            // HEBREW PUNCTUATION GERESH, GERSHAYIM
            before(index).map { Self.properties($0).script == .hebrew } ?? false
        case "\u{30FB}":
            // KATAKANA MIDDLE DOT
            hasKanaOrHan
        case "\u{660}"..."\u{669}":
            !hasExtendedArabicIndicDigit
        case "\u{6F0}"..."\u{6F9}":
            !hasArabicIndicDigit
        default:
            false
        }
    }

    private func before(_ index: Int) -> Unicode.Scalar? {
        index > 0 ? scalars[index - 1] : nil
    }

    private func after(_ index: Int) -> Unicode.Scalar? {
        index + 1 < scalars.count ? scalars[index + 1] : nil
    }

    private func followsVirama(_ index: Int) -> Bool {
        before(index).map { Self.properties($0).combiningClass == ScalarProperties.virama } ?? false
    }

    /// Whether the letter before, ignoring marks, joins to its right and the one after to its left.
    private func joinsLetters(_ index: Int) -> Bool {
        let earlier = scalars[..<index].reversed().lazy.map { Self.properties($0).joining }
        let later = scalars[(index + 1)...].lazy.map { Self.properties($0).joining }
        guard let left = earlier.first(where: { $0 != .transparent }),
            let right = later.first(where: { $0 != .transparent })
        else { return false }
        return (left == .left || left == .dual) && (right == .right || right == .dual)
    }

    private static func properties(_ scalar: Unicode.Scalar) -> ScalarProperties {
        UnicodeTables.shared.properties(of: scalar)
    }
}
