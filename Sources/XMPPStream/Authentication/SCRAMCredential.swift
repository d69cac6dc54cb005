import XMPP

/// The stored keys of a password (RFC 5802 §3); never the password itself.
///
/// Clients prepare passwords in two ways: OpaqueString (RFC 8265 §4.2), and SASLprep (RFC 4013) by RFC 5802 §2.2. If
/// these differ for a password, the keys of both are stored, with the same salt and iteration count; a client's proof
/// shows which one it uses.
public struct SCRAMCredential: Sendable, Equatable {
    /// The keys of one form of a password.
    public struct Keys: Sendable, Equatable {
        /// Verifies the client's proof.
        public let storedKey: [UInt8]
        /// Signs the server's answer.
        public let serverKey: [UInt8]

        public init(storedKey: [UInt8], serverKey: [UInt8]) {
            self.storedKey = storedKey
            self.serverKey = serverKey
        }

        fileprivate init(saltedPassword salted: [UInt8], _ hash: SCRAMHash) {
            storedKey = hash.digest(hash.authenticationCode(for: Array("Client Key".utf8), key: salted))
            serverKey = hash.authenticationCode(for: Array("Server Key".utf8), key: salted)
        }
    }

    public let hash: SCRAMHash
    private let hasTwoForms: Bool
    public let iterations: Int
    /// The keys of all forms and the salt in one array, as every account in use has some of these in memory.
    private let bytes: [UInt8]

    public var salt: [UInt8] { Array(bytes[((hasTwoForms ? 4 : 2) * hash.byteCount)...]) }
    /// Verifies the client's proof.
    public var storedKey: [UInt8] { key(0) }
    /// Signs the server's answer.
    public var serverKey: [UInt8] { key(1) }
    /// The keys of the SASLprep form; nil: it is the same as OpaqueString's, or invalid.
    public var otherKeys: Keys? { hasTwoForms ? Keys(storedKey: key(2), serverKey: key(3)) : nil }
    /// The keys of all forms.
    var keys: [Keys] { [Keys(storedKey: storedKey, serverKey: serverKey)] + (otherKeys.map { [$0] } ?? []) }

    private func key(_ index: Int) -> [UInt8] {
        Array(bytes[(index * hash.byteCount)..<((index + 1) * hash.byteCount)])
    }

    /// RFC 5802 and RFC 7677 ask for at least 4096.
    public static let defaultIterations = 10_000

    /// The possible iteration counts; the maximum keeps a sign-in below a few seconds.
    public static let iterationBounds = 1...10_000_000

    static let saltByteCount = 16

    /// A credential as it was stored.
    ///
    /// - Returns: nil if the sizes do not fit the hash, or salt or iterations are out of bounds.
    public init?(
        hash: SCRAMHash, salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8], otherKeys: Keys? = nil
    ) {
        let keys = [storedKey, serverKey] + (otherKeys.map { [$0.storedKey, $0.serverKey] } ?? [])
        guard !salt.isEmpty, Self.iterationBounds.contains(iterations),
            keys.allSatisfy({ $0.count == hash.byteCount })
        else { return nil }
        // No more room than that: appending would double it.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(keys.count * hash.byteCount + salt.count)
        for part in keys + [salt] { bytes += part }
        self.init(hash: hash, iterations: iterations, bytes: bytes, hasTwoForms: otherKeys != nil)
    }

    private init(hash: SCRAMHash, iterations: Int, bytes: [UInt8], hasTwoForms: Bool = false) {
        self.hash = hash
        self.hasTwoForms = hasTwoForms
        self.iterations = iterations
        self.bytes = bytes
    }

    /// The credential of a password. Slow by design: keep it off event loops.
    ///
    /// - Returns: nil if the password is empty or has characters that RFC 8265 forbids, or salt or iterations are out
    ///   of bounds.
    public init?(password: String, hash: SCRAMHash, salt: [UInt8], iterations: Int = defaultIterations) {
        guard let prepared = Self.prepare(password),
            let salted = hash.saltedPassword(prepared, salt: salt, iterations: iterations)
        else { return nil }
        let other = SASLprep.prepare(password).map { Array($0.utf8) }.flatMap { other in
            other == prepared ? nil : hash.saltedPassword(other, salt: salt, iterations: iterations)
        }
        let keys = Keys(saltedPassword: salted, hash)
        self.init(
            hash: hash, salt: salt, iterations: iterations, storedKey: keys.storedKey, serverKey: keys.serverKey,
            otherKeys: other.map { Keys(saltedPassword: $0, hash) })
    }

    /// The credential of a salted password.
    ///
    /// - Returns: nil if its size does not fit the hash, or salt or iterations are out of bounds.
    init?(saltedPassword salted: [UInt8], hash: SCRAMHash, salt: [UInt8], iterations: Int) {
        guard salted.count == hash.byteCount else { return nil }
        let keys = Keys(saltedPassword: salted, hash)
        self.init(
            hash: hash, salt: salt, iterations: iterations, storedKey: keys.storedKey, serverKey: keys.serverKey)
    }

    /// The credential of a password with a random salt; nil as in ``init(password:hash:salt:iterations:)``.
    public static func random(
        password: String, hash: SCRAMHash, iterations: Int = defaultIterations
    ) -> SCRAMCredential? {
        SCRAMCredential(
            password: password, hash: hash, salt: SecureRandom.bytes(saltByteCount), iterations: iterations)
    }

    /// A credential for an account that does not exist; nothing verifies against it.
    ///
    /// Like that of a real account it is always the same, and takes the same work to verify.
    ///
    /// - Parameters:
    ///   - user: The prepared local part.
    ///   - secret: A secret of this server that survives restarts.
    ///   - iterations: That of the host's accounts.
    public static func decoy(user: String, hash: SCRAMHash, secret: [UInt8], iterations: Int) -> SCRAMCredential {
        func derive(_ purpose: String) -> [UInt8] {
            let label = Array("\(purpose)\0\(hash.rawValue)\0\(user)".utf8)
            return SCRAMHash.sha256.authenticationCode(for: label, key: secret)
        }
        let bounds = iterationBounds
        return SCRAMCredential(
            hash: hash,
            iterations: min(max(iterations, bounds.lowerBound), bounds.upperBound),
            bytes: Array(
                derive("stored key").prefix(hash.byteCount) + derive("server key").prefix(hash.byteCount)
                    + derive("salt").prefix(saltByteCount))
        )
    }

    /// Whether this is the credential of the password in either form. Slow by design: keep it off event loops.
    public func verifies(password: String) -> Bool {
        guard let prepared = Self.prepare(password),
            let salted = hash.saltedPassword(prepared, salt: salt, iterations: iterations)
        else { return false }
        let shown = Keys(saltedPassword: salted, hash).storedKey
        return keys.reduce(false) { constantTimeEquals($1.storedKey, shown) || $0 }
    }

    /// The bytes of a password that keys are derived from (RFC 8265 §4.2).
    static func prepare(_ password: String) -> [UInt8]? {
        guard let prepared = PRECIS.opaqueString(password), !prepared.isEmpty else { return nil }
        return Array(prepared.utf8)
    }
}

extension SCRAMCredential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SCRAM-\(hash.rawValue), \(iterations) iterations, ‹redacted›" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
