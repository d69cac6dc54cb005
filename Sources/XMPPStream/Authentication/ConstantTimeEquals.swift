/// Compares two secrets in a time that depends on their lengths only. Used for all secrets, proofs and hashes of
/// tokens.
@inline(never)
public func constantTimeEquals(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    guard first.count == second.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(first, second) {
        difference |= one ^ other
    }
    return difference == 0
}
