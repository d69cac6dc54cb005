import XMPP

/// Turns archive ids into texts and back: a permutation of 64 bits under a secret key, so that a text reveals neither
/// the time of its entry nor other ids.
///
/// A Feistel network with SipHash-2-4 as its round function.
struct ArchiveIDCipher: Sendable {
    private static let rounds: UInt64 = 6
    private static let digits = Array("0123456789abcdef".utf8)

    private let hash: SipHash

    /// - Parameter secret: 16 bytes; missing ones count as zero.
    init(secret: [UInt8]) {
        hash = SipHash(key: secret)
    }

    /// Sixteen hexadecimal digits.
    func text(_ id: ArchiveID) -> String {
        let plain = UInt64(bitPattern: id.rawValue)
        var (left, right) = (plain >> 32, plain & 0xFFFF_FFFF)
        for round in 0..<Self.rounds {
            (left, right) = (right, left ^ mix(round, right))
        }
        let cipher = left << 32 | right
        return String(unsafeUninitializedCapacity: 16) { utf8 in
            for index in 0..<16 { utf8[index] = Self.digits[Int(cipher >> UInt64(60 - 4 * index) & 15)] }
            return 16
        }
    }

    /// The id with that text; nil: the text is no id's.
    func id(_ text: String) -> ArchiveID? {
        guard text.utf8.count == 16 else { return nil }
        var cipher: UInt64 = 0
        for byte in text.utf8 {
            guard let digit = Self.digits.firstIndex(of: byte) else { return nil }
            cipher = cipher << 4 | UInt64(digit)
        }
        var (left, right) = (cipher >> 32, cipher & 0xFFFF_FFFF)
        for round in (0..<Self.rounds).reversed() {
            (left, right) = (right ^ mix(round, left), left)
        }
        return ArchiveID(rawValue: Int64(bitPattern: left << 32 | right))
    }

    /// 32 bits that depend on all bits of the half, the round and the key.
    private func mix(_ round: UInt64, _ half: UInt64) -> UInt64 {
        hash.hash(of: round << 32 | half) & 0xFFFF_FFFF
    }
}
