/// The rule for strings with characters that are written from right to left (RFC 5893, section 2).
enum BidiRule {
    /// Whether the string has no such character or satisfies the rule.
    static func allows(_ scalars: [Unicode.Scalar]) -> Bool {
        let classes = scalars.map { UnicodeTables.shared.properties(of: $0).bidi }
        guard let first = classes.first, classes.contains(where: isRightToLeft) else { return true }
        guard let last = classes.last(where: { $0 != .nonspacingMark }) else { return false }
        switch first {
        case .right, .arabicLetter:
            guard classes.allSatisfy({ $0 != .left && $0 != .other }) else { return false }
            guard !(classes.contains(.europeanNumber) && classes.contains(.arabicNumber)) else { return false }
            return last == .europeanNumber || isRightToLeft(last)
        default:
            // A left-to-right string has none of these characters.
            return false
        }
    }

    private static func isRightToLeft(_ value: ScalarProperties.Bidi) -> Bool {
        value == .right || value == .arabicLetter || value == .arabicNumber
    }
}
