import XMPP

/// Turns archive ids into texts and back: a permutation of 64 bits under a secret key, so that a text tells neither when
/// its entry was made nor which others there are.
///
/// A Feistel network with SipHash-2-4 as its round function.
struct ArchiveIDCipher: Sendable {
    private static let rounds: UInt64 = 6
    private static let digits = Array("0123456789abcdef".utf8)

    private let key: (UInt64, UInt64)

    /// - Parameter secret: of 16 bytes; what is missing is taken as zero.
    init(secret: [UInt8]) {
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(0) { word, index in
                let byte = start + index < secret.count ? secret[start + index] : 0
                return word | UInt64(byte) << (8 * UInt64(index))
            }
        }
        key = (word(0), word(8))
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

    /// The id with that text; `nil` if no id has it.
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
        var state = SipState(key)
        state.absorb(round << 32 | half)
        state.absorb(8 << 56)
        return state.finish() & 0xFFFF_FFFF
    }
}

/// SipHash-2-4 as its authors describe it.
private struct SipState {
    private var v0, v1, v2, v3: UInt64

    init(_ key: (UInt64, UInt64)) {
        v0 = key.0 ^ 0x736f_6d65_7073_6575
        v1 = key.1 ^ 0x646f_7261_6e64_6f6d
        v2 = key.0 ^ 0x6c79_6765_6e65_7261
        v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        for _ in 0..<2 { round() }
        v0 ^= word
    }

    mutating func finish() -> UInt64 {
        v2 ^= 0xFF
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}
