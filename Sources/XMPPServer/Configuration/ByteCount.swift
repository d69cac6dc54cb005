/// An amount of bytes as people write it: `16 KiB`, `16384`, `1 MB`.
public struct ByteCount: Hashable, Comparable, Sendable, LosslessStringConvertible {
    /// The number of bytes, never negative.
    public let bytes: Int

    /// An amount of `bytes`; a negative number counts as 0.
    public init(_ bytes: Int) {
        self.bytes = max(0, bytes)
    }

    /// Reads a whole number and a unit: none or `B`, `KB` `MB` `GB` (powers of 1000), `KiB` `MiB` `GiB` (powers of
    /// 1024), in any case, with or without a space between.
    public init?(_ text: String) {
        guard let (number, unit) = splitQuantity(text) else { return nil }
        let factor: Int
        switch unit {
        case "", "b": factor = 1
        case "kb": factor = 1000
        case "mb": factor = 1_000_000
        case "gb": factor = 1_000_000_000
        case "kib": factor = 1 << 10
        case "mib": factor = 1 << 20
        case "gib": factor = 1 << 30
        default: return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    /// The amount in the largest binary unit that keeps it whole.
    public var description: String {
        for (name, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes > 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift) \(name)"
        }
        return "\(bytes) B"
    }

    /// Orders by the number of bytes.
    public static func < (left: Self, right: Self) -> Bool {
        left.bytes < right.bytes
    }
}

/// Splits `10 min` into 10 and `min`, the unit in lower case; nil if the text does not begin with digits.
func splitQuantity(_ text: String) -> (number: Int, unit: String)? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    guard let number = Int(digits) else { return nil }
    let unit = text[digits.endIndex...].drop { $0 == " " }
    guard unit.allSatisfy({ $0.isASCII && $0.isLetter }) else { return nil }
    return (number, unit.lowercased())
}
