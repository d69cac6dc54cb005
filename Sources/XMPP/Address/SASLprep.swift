/// SASLprep (RFC 4013), by which clients prepared passwords before RFC 8265, and some still do. Code points unassigned
/// in Unicode 3.2 are allowed, as in a query (RFC 3454, section 7).
public enum SASLprep {
    /// - Returns: the prepared string; nil if it is empty or has a character that the profile refuses.
    public static func prepare(_ string: String) -> String? {
        // Most passwords need no tables.
        if !string.isEmpty, string.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return string }
        let tables = SASLprepTables.shared
        var mapped: [Unicode.Scalar] = []
        for scalar in string.unicodeScalars where !tables.nothing.contains(scalar) {
            if tables.spaces.contains(scalar) {
                mapped.append(" ")
            } else {
                tables.decompose(scalar, into: &mapped)
            }
        }
        let prepared = NormalizationFormC.apply(to: mapped)
        guard !prepared.isEmpty, !prepared.contains(where: tables.prohibited.contains),
            isInOneDirection(prepared, tables)
        else { return nil }
        return String(String.UnicodeScalarView(prepared))
    }

    /// RFC 3454, section 6.
    private static func isInOneDirection(_ scalars: [Unicode.Scalar], _ tables: SASLprepTables) -> Bool {
        guard scalars.contains(where: tables.rightToLeft.contains) else { return true }
        guard let first = scalars.first, let last = scalars.last else { return true }
        return !scalars.contains(where: tables.leftToRight.contains) && tables.rightToLeft.contains(first)
            && tables.rightToLeft.contains(last)
    }
}

/// The tables of RFC 3454 for SASLprep, decoded at first use.
final class SASLprepTables: Sendable {
    static let shared = SASLprepTables()

    struct Ranges: Sendable {
        private let bounds: [UInt32]

        init(_ text: StaticString) { bounds = UnicodeTables.values(text) }

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            var low = 0, high = bounds.count / 2
            while low < high {
                let middle = (low + high) / 2
                if bounds[2 * middle + 1] < scalar.value { low = middle + 1 } else { high = middle }
            }
            return low < bounds.count / 2 && bounds[2 * low] <= scalar.value
        }
    }

    let nothing = Ranges(SASLprepData.nothing)
    let spaces = Ranges(SASLprepData.spaces)
    let prohibited = Ranges(SASLprepData.prohibited)
    let rightToLeft = Ranges(SASLprepData.rightToLeft)
    let leftToRight = Ranges(SASLprepData.leftToRight)
    private let decompositions: [UInt32: [Unicode.Scalar]]

    private init() {
        var decompositions: [UInt32: [Unicode.Scalar]] = [:]
        var rest = UnicodeTables.values(SASLprepData.decompositions)[...]
        while let scalar = rest.popFirst(), let count = rest.popFirst() {
            decompositions[scalar] = rest.prefix(Int(count)).compactMap(Unicode.Scalar.init)
            rest = rest.dropFirst(Int(count))
        }
        self.decompositions = decompositions
    }

    /// The first step of NFKC; the rest is NFC.
    func decompose(_ scalar: Unicode.Scalar, into scalars: inout [Unicode.Scalar]) {
        if let parts = decompositions[scalar.value] { scalars += parts } else { scalars.append(scalar) }
    }
}
