import XMPPServer

/// The numbers that stand for marks in the archive's columns: hashes of 48 bits under the store's secret. Collisions
/// are so rare that matches are not checked, and cannot be provoked from outside.
struct MarkNumbers: Sendable {
    private let hash: SipHash

    init(secret: [UInt8]) {
        hash = SipHash(key: secret)
    }

    func number(_ mark: String) -> Int64 { Int64(hash.hash(of: mark) >> 16) }
}
