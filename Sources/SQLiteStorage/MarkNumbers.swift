import XMPPServer

/// The numbers that stand for marks of entries in the archive's columns: hashes of 48 bits, under the store's secret. Two
/// marks have the same one so seldom that nothing is looked at twice, and nobody outside can make two that do.
struct MarkNumbers: Sendable {
    private let hash: SipHash

    init(secret: [UInt8]) {
        hash = SipHash(key: secret)
    }

    func number(_ mark: String) -> Int64 { Int64(hash.hash(of: mark) >> 16) }
}
