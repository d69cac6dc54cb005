import XMPP

/// The tasks by which a client provides keys of its password that the server lacks (XEP-0480): one for each SCRAM hash,
/// one after the other.
struct SASLUpgrade: Sendable {
    private enum State {
        /// Waiting for `<next/>`.
        case asked
        case salted([UInt8])
        /// The key is being stored.
        case keeping
    }

    /// Those of the present task and the following ones.
    private var hashes: ArraySlice<SCRAMHash>
    private let iterations: Int
    private var state = State.asked
    private let makeSalt: @Sendable () -> [UInt8]

    /// - Returns: nil if there are no tasks.
    init?(
        _ hashes: [SCRAMHash], iterations: Int,
        salt: @escaping @Sendable () -> [UInt8] = { SecureRandom.bytes(SCRAMCredential.saltByteCount) }
    ) {
        guard !hashes.isEmpty else { return nil }
        self.hashes = hashes[...]
        self.iterations = iterations
        makeSalt = salt
    }

    /// The name of a task.
    static func name(_ hash: SCRAMHash) -> String { "UPGR-SCRAM-\(hash.rawValue)" }

    /// Tells the client the next task.
    func ask(data: [UInt8]?) -> SASLAction {
        guard let hash = hashes.first else { return .fail(.temporaryAuthFailure) }
        return .askForTask(hash, data: data)
    }

    /// The client sent `<next/>` with that task's name.
    mutating func chosen(_ name: String) -> SASLAction {
        guard case .asked = state, let hash = hashes.first, name == Self.name(hash) else {
            return .fail(.malformedRequest)
        }
        let salt = makeSalt()
        state = .salted(salt)
        return .sendSalt(salt, iterations: iterations)
    }

    /// The client sent the salted password.
    mutating func received(_ salted: [UInt8]?) -> SASLAction {
        guard case .salted(let salt) = state, let hash = hashes.first, let salted,
            let credential = SCRAMCredential(saltedPassword: salted, hash: hash, salt: salt, iterations: iterations)
        else { return .fail(.malformedRequest) }
        state = .keeping
        return .keep(credential)
    }

    /// The key is stored.
    ///
    /// - Returns: the next task; nil if that was the last.
    mutating func kept() -> SASLAction? {
        guard case .keeping = state else { return .ignore }
        hashes = hashes.dropFirst()
        state = .asked
        return hashes.isEmpty ? nil : ask(data: nil)
    }
}
