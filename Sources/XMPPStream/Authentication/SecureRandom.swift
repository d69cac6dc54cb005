#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The source of all secrets, nonces and identifiers: the kernel's random generator.
public enum SecureRandom {
    /// As many random bytes as asked for.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
            // A call for up to 256 bytes; the standard library's generator makes one for every eight.
            while let start = buffer.baseAddress, filled < count {
                let size = min(256, count - filled)
                // Linux has it since 3.17, and it never fails for so few bytes. Without it every secret could be
                // guessed, so continuing would be unsafe.
                guard getentropy(start + filled, size) == 0 else { fatalError("the system has no randomness") }
                filled += size
            }
        }
    }

    /// Random text of `length` characters out of `A–Z a–z 0–9 - _`, six bits in each.
    public static func text(length: Int) -> String {
        String(decoding: bytes(length).map { alphabet[Int($0 & 63)] }, as: UTF8.self)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}
