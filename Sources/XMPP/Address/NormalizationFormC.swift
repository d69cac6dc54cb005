/// Unicode Normalization Form C over arrays of code points (Unicode Standard, section 3.11).
///
/// The standard library's own is only reachable through an underscored interface, and sorts U+0F73, U+0F75 and U+0F81
/// wrongly, so that an account would differ from that on other servers.
enum NormalizationFormC {
    private static let hangulBase: UInt32 = 0xAC00
    private static let leadingBase: UInt32 = 0x1100
    private static let vowelBase: UInt32 = 0x1161
    private static let trailingBase: UInt32 = 0x11A7
    private static let leadingCount: UInt32 = 19
    private static let vowelCount: UInt32 = 21
    private static let trailingCount: UInt32 = 28
    private static let hangulCount: UInt32 = 11_172

    static func apply(to scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let tables = UnicodeTables.shared
        guard scalars.contains(where: { tables.properties(of: $0).isUnsettled }) else { return scalars }
        return composed(ordered(decomposed(scalars)))
    }

    private typealias Classified = (scalar: Unicode.Scalar, combiningClass: UInt8)

    private static func decomposed(_ scalars: [Unicode.Scalar]) -> [Classified] {
        let tables = UnicodeTables.shared
        var result: [Classified] = []
        result.reserveCapacity(scalars.count)
        for scalar in scalars {
            append(scalar, to: &result, tables)
        }
        return result
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout [Classified], _ tables: UnicodeTables) {
        let properties = tables.properties(of: scalar)
        if properties.hasDecomposition, let (first, second) = tables.decomposition(of: scalar) {
            append(first, to: &result, tables)
            if let second { append(second, to: &result, tables) }
        } else if scalar.value >= hangulBase, scalar.value < hangulBase + hangulCount {
            let offset = scalar.value - hangulBase
            let trailing = offset % trailingCount
            let vowel = offset / trailingCount % vowelCount
            let leading = offset / trailingCount / vowelCount
            for value in [leadingBase + leading, vowelBase + vowel] {
                if let jamo = Unicode.Scalar(value) { result.append((jamo, 0)) }
            }
            if trailing > 0, let jamo = Unicode.Scalar(trailingBase + trailing) { result.append((jamo, 0)) }
        } else {
            result.append((scalar, properties.combiningClass))
        }
    }

    /// Sorts each run of combining marks by class, stably. Not by exchange of neighbours: a peer chooses the length of
    /// a run.
    private static func ordered(_ scalars: [Classified]) -> [Classified] {
        var result = scalars
        var start = 0
        while start < result.count {
            guard result[start].combiningClass != 0 else {
                start += 1
                continue
            }
            var end = start + 1
            while end < result.count, result[end].combiningClass != 0 { end += 1 }
            if end - start > 1 {
                let sorted = result[start..<end].enumerated().sorted {
                    ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
                }
                result.replaceSubrange(start..<end, with: sorted.map(\.element))
            }
            start = end
        }
        return result
    }

    private static func composed(_ scalars: [Classified]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        var starter: Int?
        var lastClass: UInt8?
        for (scalar, combiningClass) in scalars {
            // A mark is blocked from the starter by one of its own or a higher class in between.
            let isBlocked = lastClass.map { $0 >= combiningClass } ?? false
            if let starter, !isBlocked, let composite = composite(of: result[starter], scalar) {
                result[starter] = composite
                continue
            }
            if combiningClass == 0 {
                starter = result.count
                lastClass = nil
            } else {
                lastClass = combiningClass
            }
            result.append(scalar)
        }
        return result
    }

    private static func composite(of first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        let (a, b) = (first.value, second.value)
        if (leadingBase..<leadingBase + leadingCount).contains(a), (vowelBase..<vowelBase + vowelCount).contains(b) {
            return Unicode.Scalar(hangulBase + ((a - leadingBase) * vowelCount + b - vowelBase) * trailingCount)
        }
        if (hangulBase..<hangulBase + hangulCount).contains(a), (a - hangulBase) % trailingCount == 0,
            (trailingBase + 1..<trailingBase + trailingCount).contains(b)
        {
            return Unicode.Scalar(a + b - trailingBase)
        }
        return UnicodeTables.shared.composition(of: first, second)
    }
}
