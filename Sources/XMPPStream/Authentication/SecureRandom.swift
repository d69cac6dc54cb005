/// The one source of randomness for secrets, nonces and identifiers: the kernel's generator.
public enum SecureRandom {
    /// As many random bytes as asked for.
    public static func bytes(_ count: Int) -> [UInt8] {
        // SystemRandomNumberGenerator is getrandom(2) on Linux.
        var generator = SystemRandomNumberGenerator()
        return [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
            while filled < buffer.count {
                var word = generator.next()
                for _ in 0..<min(8, buffer.count - filled) {
                    buffer[filled] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                    filled += 1
                }
            }
        }
    }

    /// Random text of `length` characters out of `A–Z a–z 0–9 - _`, six bits in each.
    public static func text(length: Int) -> String {
        String(decoding: bytes(length).map { alphabet[Int($0 & 63)] }, as: UTF8.self)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}
