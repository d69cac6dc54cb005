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
            filled = fill(buffer, count)
        }
    }

    /// - Returns: how many bytes were filled.
    private static func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ count: Int) -> Int {
        var filled = 0
        // A call for up to 256 bytes; the standard library's generator makes one for every eight.
        while let start = buffer.baseAddress, filled < count {
            let size = min(256, count - filled)
            // Linux has it since 3.17, and it never fails for so few bytes. Without it every secret could be
            // guessed, so continuing would be unsafe.
            guard getentropy(start + filled, size) == 0 else { fatalError("the system has no randomness") }
            filled += size
        }
        return filled
    }

    /// Random text of `length` characters out of `A–Z a–z 0–9 - _`, six bits in each.
    public static func text(length: Int) -> String {
        String(unsafeUninitializedCapacity: max(length, 0)) { buffer in
            let count = fill(buffer, length)
            for index in 0..<count { buffer[index] = alphabet[Int(buffer[index] & 63)] }
            return count
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}
