import Crypto
import CryptoExtras

/// The hash functions of SCRAM with stored credentials.
public enum SCRAMHash: String, Sendable, CaseIterable {
    case sha1 = "SHA-1"
    case sha256 = "SHA-256"

    /// The length of the hash, and so of each key, in bytes.
    public var byteCount: Int {
        switch self {
        case .sha1: Insecure.SHA1.byteCount
        case .sha256: SHA256.byteCount
        }
    }

    /// `H(bytes)` of RFC 5802 §2.2.
    func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: bytes))
        case .sha256: Array(SHA256.hash(data: bytes))
        }
    }

    /// `HMAC(key, bytes)` of RFC 5802 §2.2.
    func authenticationCode(for bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        let key = SymmetricKey(data: key)
        return switch self {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: bytes, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        }
    }

    /// `Hi(password, salt, iterations)` of RFC 5802 §2.2, which is PBKDF2; nil for invalid arguments.
    func saltedPassword(_ password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8]? {
        guard !password.isEmpty, !salt.isEmpty, SCRAMCredential.iterationBounds.contains(iterations) else { return nil }
        let key = try? KDF.Insecure.PBKDF2.deriveKey(
            from: password,
            salt: salt,
            using: self == .sha1 ? .insecureSHA1 : .sha256,
            outputByteCount: byteCount,
            unsafeUncheckedRounds: iterations
        )
        return key?.withUnsafeBytes { Array($0) }
    }
}
