/// A block of addresses such as `127.0.0.0/8` or `2001:db8::/32`; a bare address is a block of one.
public struct CIDRBlock: Hashable, Sendable, LosslessStringConvertible {
    /// The first address of the block.
    public let network: IPAddress
    /// The number of leading bits that all addresses of the block share.
    public let prefixLength: Int

    /// The block around `address`; a prefix length out of range is clamped.
    public init(_ address: IPAddress, prefixLength: Int) {
        self.prefixLength = min(max(0, prefixLength), address.width)
        network = IPAddress(
            bits: address.bits & Self.mask(self.prefixLength, width: address.width), isIPv4: address.isIPv4
        )
    }

    /// Reads an address, optionally with `/` and a prefix length.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefixLength: address.width)
            return
        }
        guard parts[1].allSatisfy({ ("0"..."9").contains($0) }), let length = Int(parts[1]),
            (0...address.width).contains(length)
        else { return nil }
        self.init(address, prefixLength: length)
    }

    /// True if `address` lies in the block.
    public func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == network.isIPv4
            && address.bits & Self.mask(prefixLength, width: address.width) == network.bits
    }

    /// `192.0.2.0/24`.
    public var description: String { "\(network)/\(prefixLength)" }

    private static func mask(_ length: Int, width: Int) -> UInt128 {
        let all: UInt128 = width == 32 ? 0xffff_ffff : .max
        return length == 0 ? 0 : all & ~(all >> UInt128(length))
    }
}
