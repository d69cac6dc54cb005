import NIOCore

extension IPAddress {
    /// The address of a peer; nil for a Unix socket, or without a socket. Not parsed from text, as it is needed several
    /// times for each connection.
    public init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            // sockaddr_in: family and port, then the address in network order.
            let bits = Self.bits(of: address.address, 4..<8)
            self.init(bits: bits, isIPv4: true)
        case .v6(let address):
            // sockaddr_in6: family, port and flow, then the address.
            let bits = Self.bits(of: address.address, 8..<24)
            self.init(bitsOfIPv6: bits)
        default:
            return nil
        }
    }

    /// The address in network order: four bytes, or sixteen.
    init(bigEndian bytes: some Collection<UInt8>) {
        let bits = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        if bytes.count == 4 { self.init(bits: bits, isIPv4: true) } else { self.init(bitsOfIPv6: bits) }
    }

    private init(bitsOfIPv6 bits: UInt128) {
        let isMapped = bits >> 32 == 0xffff
        self.init(bits: isMapped ? bits & 0xffff_ffff : bits, isIPv4: isMapped)
    }

    /// The address with port 0.
    var socketAddress: SocketAddress? { try? SocketAddress(ipAddress: description, port: 0) }

    private static func bits(of address: some Any, _ range: Range<Int>) -> UInt128 {
        withUnsafeBytes(of: address) { bytes in bytes[range].reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
    }
}
