/// A set of ASCII bytes as 128 bits, so that a test is a shift without memory access.
struct ByteSet {
    /// The bytes below 64.
    let low: UInt64
    /// The bytes from 64 on.
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 != 0
    }

    /// The ASCII part of PRECIS's IdentifierClass without what RFC 7622, section 3.3.1 takes out: "&'/:<>@
    static let local = ByteSet(low: 0xABFF_7F3A_0000_0000, high: 0x7FFF_FFFF_FFFF_FFFE)
    /// The ASCII part of PRECIS's FreeformClass: all but controls.
    static let resource = ByteSet(low: 0xFFFF_FFFF_0000_0000, high: 0x7FFF_FFFF_FFFF_FFFF)
    /// What the labels of a host name are made of: letters, digits, hyphen.
    static let hostName = ByteSet(low: 0x03FF_2000_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    /// The same and the dot between labels.
    static let domain = ByteSet(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
}
