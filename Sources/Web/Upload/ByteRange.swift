import XMPPServer

/// Which part of a file is asked for, RFC 9110 §14.
enum ByteRange: Equatable {
    /// All of it: no part is asked for, or in a way that need not be followed.
    case whole
    case part(Range<Int>)
    /// None of what is asked for is there.
    case none

    /// - Parameters:
    ///   - field: the value of `Range`; several parts at once are not sent.
    ///   - size: of the file.
    init(_ field: String?, of size: Int) {
        guard let field = field?.lowercased(), field.hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let bounds = field.dropFirst(6).trimmingBlanks()
        let parts = bounds.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, !bounds.contains(",") else {
            self = .whole
            return
        }
        switch (Self.number(parts[0]), Self.number(parts[1])) {
        case (let first?, let last?) where first <= last: self = Self.part(first, min(last, size - 1), of: size)
        case (let first?, nil) where parts[1].isEmpty: self = Self.part(first, size - 1, of: size)
        case (nil, let count?) where parts[0].isEmpty: self = Self.part(max(0, size - count), size - 1, of: size)
        default: self = .whole
        }
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    private static func part(_ first: Int, _ last: Int, of size: Int) -> ByteRange {
        first < size && first <= last ? .part(first..<(last + 1)) : .none
    }
}
