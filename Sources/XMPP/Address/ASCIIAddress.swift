/// Checks, lowercases and copies an ASCII address, which nearly all are, without tables.
struct ASCIIAddress {
    enum Outcome {
        case valid, invalid
        /// It has non-ASCII characters, an IP address in brackets, or a label in Punycode.
        case needsPreparation
    }

    private(set) var outcome = Outcome.valid
    /// The number of bytes before the at sign, or zero.
    private(set) var localLength = 0
    /// The number of bytes before the slash, or of all.
    private(set) var bareLength = 0

    /// - Parameter buffer: has room for as many bytes as the input.
    /// - Returns: the number of bytes written; meaningless unless the outcome is `valid`.
    mutating func copy(_ bytes: RawSpan, to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let count = bytes.byteCount
        var domain = 0..<Self.copyLowered(bytes, from: 0, while: .local, to: buffer)
        if domain.upperBound < count, Self.byte(bytes, domain.upperBound) == UInt8(ascii: "@") {
            localLength = domain.upperBound
            guard isBounded(localLength) else { return refuse() }
            buffer[localLength] = UInt8(ascii: "@")
            let start = localLength + 1
            domain = start..<Self.copyLowered(bytes, from: start, while: .domain, to: buffer)
        }
        if domain.upperBound < count, Self.byte(bytes, domain.upperBound) != UInt8(ascii: "/") {
            let mayBeAddress = Self.byte(bytes, domain.lowerBound) == UInt8(ascii: "[")
            return refuse(Self.byte(bytes, domain.upperBound) >= 0x80 || mayBeAddress ? .needsPreparation : .invalid)
        }
        guard let end = checkDomain(bytes, domain) else { return 0 }
        bareLength = end
        guard domain.upperBound < count else { return end }
        return copyResource(bytes, from: domain.upperBound, to: buffer, at: end)
    }

    /// - Returns: its end, without the root's dot; nil if the outcome is no longer `valid`.
    private mutating func checkDomain(_ bytes: RawSpan, _ domain: Range<Int>) -> Int? {
        var end = domain.upperBound
        if domain.count > 1, Self.byte(bytes, end - 1) == UInt8(ascii: ".") { end -= 1 }
        guard isBounded(end - domain.lowerBound) else {
            _ = refuse()
            return nil
        }
        var start = domain.lowerBound
        while start <= end {
            guard let next = checkLabel(bytes, start..<end) else { return nil }
            start = next + 1
        }
        return outcome == .valid ? end : nil
    }

    /// - Returns: the end of the label.
    private mutating func checkLabel(_ bytes: RawSpan, _ rest: Range<Int>) -> Int? {
        var end = rest.lowerBound
        while end < rest.upperBound, Self.byte(bytes, end) != UInt8(ascii: ".") {
            guard ByteSet.hostName.contains(Self.byte(bytes, end)) else {
                _ = refuse()
                return nil
            }
            end += 1
        }
        let length = end - rest.lowerBound
        guard (1...63).contains(length), Self.byte(bytes, rest.lowerBound) != UInt8(ascii: "-"),
            Self.byte(bytes, end - 1) != UInt8(ascii: "-")
        else {
            _ = refuse()
            return nil
        }
        if length >= 4, Self.byte(bytes, rest.lowerBound) | 0x20 == UInt8(ascii: "x"),
            Self.byte(bytes, rest.lowerBound + 1) | 0x20 == UInt8(ascii: "n"),
            Self.byte(bytes, rest.lowerBound + 2) == UInt8(ascii: "-"),
            Self.byte(bytes, rest.lowerBound + 3) == UInt8(ascii: "-")
        {
            outcome = .needsPreparation
        }
        return end
    }

    /// - Parameter slash: its index in `bytes`.
    private mutating func copyResource(
        _ bytes: RawSpan,
        from slash: Int,
        to buffer: UnsafeMutableBufferPointer<UInt8>,
        at place: Int
    ) -> Int {
        let length = bytes.byteCount - slash - 1
        buffer[place] = UInt8(ascii: "/")
        for offset in 0..<length {
            let byte = Self.byte(bytes, slash + 1 + offset)
            guard ByteSet.resource.contains(byte) else { return refuse(byte >= 0x80 ? .needsPreparation : .invalid) }
            buffer[place + 1 + offset] = byte
        }
        guard isBounded(length) else { return refuse() }
        return place + 1 + length
    }

    /// - Returns: the index of the first byte that is not in the set.
    @inline(__always)
    private static func copyLowered(
        _ bytes: RawSpan,
        from start: Int,
        while set: ByteSet,
        to buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        var index = start
        while index < bytes.byteCount {
            let byte = byte(bytes, index)
            guard set.contains(byte) else { break }
            buffer[index] = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            index += 1
        }
        return index
    }

    @inline(__always)
    private static func byte(_ bytes: RawSpan, _ index: Int) -> UInt8 {
        bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    private func isBounded(_ length: Int) -> Bool {
        (1...JID.maximumPartByteCount).contains(length)
    }

    private mutating func refuse(_ outcome: Outcome = .invalid) -> Int {
        self.outcome = outcome
        return 0
    }
}
