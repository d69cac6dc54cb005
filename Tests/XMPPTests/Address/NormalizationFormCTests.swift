import Foundation
import Testing

@testable import XMPP

@Suite struct NormalizationFormCTests {
    /// Examples of Unicode Standard Annex 15 and of its test file.
    static let examples: [([UInt32], [UInt32])] = [
        ([], []), ([0x41], [0x41]), ([0x212B], [0xC5]), ([0x2126], [0x3A9]), ([0x1E9B, 0x323], [0x1E9B, 0x323]),
        ([0x44, 0x307, 0x323], [0x1E0C, 0x307]), ([0x1E0A, 0x323], [0x1E0C, 0x307]), ([0x73, 0x323, 0x307], [0x1E69]),
        ([0x1E0B, 0x323], [0x1E0D, 0x307]), ([0x958], [0x915, 0x93C]), ([0x2ADC], [0x2ADD, 0x338]),
        ([0xFB1D], [0x5D9, 0x5B4]), ([0x1100, 0x1161], [0xAC00]), ([0x1100, 0x1161, 0x11A8], [0xAC01]),
        ([0xAC00, 0x11A8], [0xAC01]), ([0xAC00, 0x11A7], [0xAC00, 0x11A7]), ([0x1161, 0x11A8], [0x1161, 0x11A8]),
        ([0x61, 0x345, 0x301], [0xE1, 0x345]), ([0x3B1, 0x345, 0x301], [0x1FB4]), ([0x344], [0x308, 0x301]),
        ([0x301, 0x61], [0x301, 0x61]), ([0x61, 0x5AE, 0x300], [0xE0, 0x5AE]),
        ([0x9C7, 0x334, 0x9BE], [0x9C7, 0x334, 0x9BE]),
        ([0x1D15F], [0x1D158, 0x1D165]), ([0x2F800], [0x4E3D]), ([0x65, 0x301, 0x301], [0xE9, 0x301]),
        ([0x61, 0x1DF5, 0xF73], [0x61, 0xF71, 0xF72, 0x1DF5]), ([0x61, 0x301, 0xF81], [0xE1, 0xF71, 0xF80]),
    ]

    @Test(arguments: examples)
    func composes(input: [UInt32], output: [UInt32]) {
        #expect(NormalizationFormC.apply(to: input.compactMap(Unicode.Scalar.init)).map(\.value) == output)
    }

    @Test func agreesWithFoundationOnEachCodePoint() {
        for scalar in Self.assigned {
            let theirs = String(scalar).precomposedStringWithCanonicalMapping
            #expect(NormalizationFormC.apply(to: [scalar]) == Array(theirs.unicodeScalars))
        }
    }

    /// Strings compare by canonical equivalence, though wrongly where U+0F73, U+0F75 or U+0F81 follows a mark.
    @Test func staysEquivalent() {
        var random = Numbers(seed: 15)
        let combining = Self.assigned.filter {
            let properties = UnicodeTables.shared.properties(of: $0)
            return !Self.tibetanVowels.contains($0) && (properties.isUnsettled || properties.hasDecomposition)
        }
        let assigned = Self.assigned.filter { !Self.tibetanVowels.contains($0) }
        for _ in 0..<20_000 {
            let scalars = (0..<random.below(8)).map { _ in
                let pool = random.below(3) == 0 ? assigned : combining
                return pool[random.below(pool.count)]
            }
            let normalized = NormalizationFormC.apply(to: scalars)
            #expect(String(String.UnicodeScalarView(normalized)) == String(String.UnicodeScalarView(scalars)))
            #expect(NormalizationFormC.apply(to: normalized) == normalized)
        }
    }

    /// Marks of class 0 that decompose into others.
    private static let tibetanVowels: [Unicode.Scalar] = ["\u{F73}", "\u{F75}", "\u{F81}"]

    private static let assigned = (UInt32(0)...0x10_FFFF).compactMap(Unicode.Scalar.init).filter {
        UnicodeTables.shared.properties(of: $0).derived != .unassigned
    }
}
