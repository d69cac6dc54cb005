/// What PRECIS and NFC must know of a code point, packed as `Scripts/generate-precis` writes it.
struct ScalarProperties: Equatable {
    /// RFC 8264, section 8.
    enum Derived: UInt32 {
        case valid, freeformOnly, contextJ, contextO, disallowed, unassigned
    }

    /// The classes that the rule of RFC 5893, section 2 names; all others can never stand in such a string.
    enum Bidi: UInt32 {
        case other, left, right, arabicLetter, arabicNumber, europeanNumber, europeanSeparator, commonSeparator
        case europeanTerminator, otherNeutral, boundaryNeutral, nonspacingMark
    }

    enum Joining: UInt32 {
        case none, transparent, dual, left, right
    }

    /// The scripts that the rules of RFC 5892, appendix A name.
    enum Script: UInt32 {
        case other, greek, hebrew, kanaOrHan
    }

    let bits: UInt32

    var derived: Derived { Derived(rawValue: bits & 7) ?? .disallowed }
    var bidi: Bidi { Bidi(rawValue: bits >> 3 & 15) ?? .other }
    var joining: Joining { Joining(rawValue: bits >> 7 & 7) ?? .none }
    var script: Script { Script(rawValue: bits >> 10 & 3) ?? .other }
    /// A space separator that is not U+0020.
    var isWideSpace: Bool { bits & 1 << 12 != 0 }
    var hasDecomposition: Bool { bits & 1 << 13 != 0 }
    var hasLowercase: Bool { bits & 1 << 14 != 0 }
    var hasOrdinaryWidth: Bool { bits & 1 << 15 != 0 }
    /// Whether NFC may change or move it, by itself or with what stands before it.
    var isUnsettled: Bool { bits & 1 << 16 != 0 }
    var combiningClass: UInt8 { UInt8(truncatingIfNeeded: bits >> 20) }

    static let virama: UInt8 = 9
}

/// The Unicode data of one version, so that every build of the server prepares a JID alike whatever the version in
/// the standard library. Decoded at first use.
final class UnicodeTables: Sendable {
    static let shared = UnicodeTables()

    private let palette: [UInt32]
    private let index: [UInt16]
    private let blocks: [UInt16]
    private let lowercaseMap: ScalarMap
    private let widthMap: ScalarMap
    private let decompositions: ScalarMap
    private let decomposed: [(first: UInt32, second: UInt32)]
    private let compositions: [(pair: UInt64, composed: UInt32)]

    private init() {
        palette = Self.values(UnicodeData.palette, digits: 5)
        index = Self.runs(UnicodeData.index)
        blocks = Self.runs(UnicodeData.blocks)
        lowercaseMap = ScalarMap(pairs: Self.values(UnicodeData.lowercase))
        widthMap = ScalarMap(pairs: Self.values(UnicodeData.width))

        let values = Self.values(UnicodeData.decompositions)
        var places: [UInt32] = []
        var decomposed: [(first: UInt32, second: UInt32)] = []
        var compositions: [(pair: UInt64, composed: UInt32)] = []
        for start in stride(from: 0, to: values.count - 2, by: 3) {
            let scalar = values[start] & 0x1F_FFFF
            let first = values[start + 1], second = values[start + 2]
            places += [scalar, UInt32(decomposed.count)]
            decomposed.append((first, second))
            if values[start] & 1 << 23 != 0 {
                compositions.append((UInt64(first) << 32 | UInt64(second), scalar))
            }
        }
        compositions.sort { $0.pair < $1.pair }
        decompositions = ScalarMap(pairs: places)
        self.decomposed = decomposed
        self.compositions = compositions
    }

    func properties(of scalar: Unicode.Scalar) -> ScalarProperties {
        let value = Int(scalar.value)
        let block = Int(index[value >> 7])
        return ScalarProperties(bits: palette[Int(blocks[block << 7 | value & 127])])
    }

    /// The simple lower case; the caller treats U+0130, the one letter with a longer lower case.
    func lowercase(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        lowercaseMap[scalar.value].flatMap(Unicode.Scalar.init) ?? scalar
    }

    /// The ordinary form of a full-width or half-width code point.
    func ordinaryWidth(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        widthMap[scalar.value].flatMap(Unicode.Scalar.init) ?? scalar
    }

    /// One step of canonical decomposition, Hangul excepted; `second` is nil where one code point stands for another.
    func decomposition(of scalar: Unicode.Scalar) -> (first: Unicode.Scalar, second: Unicode.Scalar?)? {
        guard let place = decompositions[scalar.value] else { return nil }
        let (first, second) = decomposed[Int(place)]
        return Unicode.Scalar(first).map { ($0, second == 0 ? nil : Unicode.Scalar(second)) }
    }

    /// The primary composite of two code points, Hangul excepted.
    func composition(of first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        let pair = UInt64(first.value) << 32 | UInt64(second.value)
        var low = 0, high = compositions.count
        while low < high {
            let middle = (low + high) / 2
            if compositions[middle].pair < pair { low = middle + 1 } else { high = middle }
        }
        guard low < compositions.count, compositions[low].pair == pair else { return nil }
        return Unicode.Scalar(compositions[low].composed)
    }
}

// MARK: - Decoding

extension UnicodeTables {
    /// A sorted list of code points, each with a value.
    fileprivate struct ScalarMap {
        let keys: [UInt32]
        let values: [UInt32]

        init(pairs: [UInt32]) {
            keys = stride(from: 0, to: pairs.count - 1, by: 2).map { pairs[$0] }
            values = stride(from: 1, to: pairs.count, by: 2).map { pairs[$0] }
        }

        subscript(key: UInt32) -> UInt32? {
            var low = 0, high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key { low = middle + 1 } else { high = middle }
            }
            return low < keys.count && keys[low] == key ? values[low] : nil
        }
    }

    /// The numbers in a text of `UnicodeData`.
    static func values(_ text: StaticString, digits count: Int = 4) -> [UInt32] {
        text.withUTF8Buffer { bytes in
            let digits = bytes.filter { $0 >= 0x30 }
            return stride(from: 0, through: digits.count - count, by: count).map { start in
                digits[start..<start + count].reduce(0) { $0 << 6 | UInt32($1 - 0x30) }
            }
        }
    }

    private static func runs(_ text: StaticString) -> [UInt16] {
        var result: [UInt16] = []
        for run in values(text) {
            result += repeatElement(UInt16(run >> 12), count: Int(run & 0xFFF))
        }
        return result
    }
}
