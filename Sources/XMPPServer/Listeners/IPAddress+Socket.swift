import NIOCore

extension IPAddress {
    /// The address of a peer; `nil` for a Unix socket, or where there is no socket. Not by way of a text: it is asked for
    /// several times for each connection.
    public init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            // sockaddr_in: family and port, then the address in network order.
            let bits = Self.bits(of: address.address, 4..<8)
            self.init(bits: bits, isIPv4: true)
        case .v6(let address):
            // sockaddr_in6: family, port and flow, then the address.
            let bits = Self.bits(of: address.address, 8..<24)
            let isMapped = bits >> 32 == 0xffff
            self.init(bits: isMapped ? bits & 0xffff_ffff : bits, isIPv4: isMapped)
        default:
            return nil
        }
    }

    private static func bits(of address: some Any, _ range: Range<Int>) -> UInt128 {
        withUnsafeBytes(of: address) { bytes in bytes[range].reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
    }
}
